package dev.baton.vhostuser;

import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.Poll;
import dev.baton.ffi.RawMemory;
import dev.baton.ffi.SyscallException;
import dev.baton.ffi.UnixSocket;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A front end's side of a transfer of the back end's state (vhost-user, "Migrating back-end state"). */
final class FrontEndTransfer {
    private static final int PIECE = 4096;

    private final FrontEndChannel channel;

    FrontEndTransfer(FrontEndChannel channel) {
        this.channel = channel;
    }

    byte[] save() throws ProtocolException {
        try (Fd end = begin(DeviceState.SAVE); Arena arena = Arena.ofConfined()) {
            MemorySegment piece = arena.allocate(PIECE);
            ByteArrayOutputStream state = new ByteArrayOutputStream();
            long count = read(end, piece);
            while (count > 0) {
                byte[] bytes = new byte[(int) count];
                RawMemory.copyToArray(piece.address(), bytes, 0, bytes.length);
                state.writeBytes(bytes);
                count = read(end, piece);
            }
            check();
            return state.toByteArray();
        }
    }

    private long read(Fd end, MemorySegment piece) throws ProtocolException {
        if (Poll.await(end, Poll.IN, channel.timeoutMs()) == 0) {
            throw new ProtocolException(ErrorKind.TIMEOUT, "device state: the back end does not write it");
        }
        return SyscallException.check(FileIo.read(end.value(), piece.address(), PIECE), "read(device state)");
    }

    void load(byte[] state) throws ProtocolException {
        try (Fd end = begin(DeviceState.LOAD); Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(Math.max(state.length, 1));
            RawMemory.copyFromArray(state, 0, bytes.address(), state.length);
            FileIo.setNonBlocking(end, true);
            for (int at = 0; at < state.length;) {
                if (Poll.await(end, Poll.OUT, channel.timeoutMs()) == 0) {
                    throw new ProtocolException(ErrorKind.TIMEOUT, "device state: the back end does not read it");
                }
                at += (int) SyscallException.check(
                    FileIo.write(end.value(), bytes.address() + at, state.length - at), "write(device state)");
            }
        }
        check();
    }

    /** The end that the front end is to use: the back end may bring its own channel. */
    private Fd begin(int direction) throws ProtocolException {
        Fd[] pair = UnixSocket.pair(UnixSocket.STREAM);
        try (Fd theirs = pair[0]) {
            Message message = channel.outgoing();
            message.header(Request.SET_DEVICE_STATE_FD.code(), Message.VERSION, Long.BYTES);
            channel.send(message.int32(0, direction).int32(4, DeviceState.STOPPED), theirs);
            Message reply = channel.receiveMessage(Request.SET_DEVICE_STATE_FD);
            if ((reply.int64(0) & ~DeviceState.NO_DESCRIPTOR) != 0) {
                throw new ProtocolException(ErrorKind.REFUSED, "SET_DEVICE_STATE_FD");
            }
            if (reply.descriptors().isEmpty()) {
                return pair[1];
            }
            pair[1].close();
            return reply.takeDescriptor(0);
        } catch (ProtocolException | RuntimeException e) {
            pair[1].close();
            throw e;
        }
    }

    private void check() throws ProtocolException {
        Message message = channel.outgoing();
        message.header(Request.CHECK_DEVICE_STATE.code(), Message.VERSION, 0);
        channel.send(message);
        if (channel.receive(Request.CHECK_DEVICE_STATE) != 0) {
            throw new ProtocolException(ErrorKind.REFUSED, "CHECK_DEVICE_STATE");
        }
    }
}
