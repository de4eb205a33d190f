package dev.baton.bench.handover;

import dev.baton.datapath.FrameHandler;
import dev.baton.ffi.Errno;
import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.NetDevice;
import dev.baton.ffi.NetworkNamespace;
import dev.baton.ffi.PacketSocket;
import dev.baton.ffi.SyscallException;
import dev.baton.tools.traffic.FramePort;

/** The kernel's side of a TAP, as frames: what the guest sends comes out here, what is sent here comes to the guest. */
final class PacketPort implements FramePort, AutoCloseable {
    private static final int FRAME_BYTES = 2048;
    /** Nothing that a stalled owner holds up is to be lost in the kernel. */
    private static final int RECEIVE_BUFFER_BYTES = 16 << 20;
    private static final int TRANSMIT_QUEUE = 10_000;

    private final Mapping memory = Mapping.anonymous(2L * FRAME_BYTES);
    private final Fd socket;

    private PacketPort(Fd socket) {
        this.socket = socket;
    }

    /** The far side of a TAP in a network namespace. */
    static PacketPort open(Fd namespace, String tap, int etherType) {
        return new PacketPort(NetworkNamespace.call(namespace, () -> {
            NetDevice.transmitQueueLength(tap, TRANSMIT_QUEUE);
            return PacketSocket.open(tap, etherType, RECEIVE_BUFFER_BYTES);
        }));
    }

    @Override
    public long reserve() {
        return memory.address();
    }

    @Override
    public boolean commit(int lengthBytes, boolean checksumIsOpen) {
        long written = FileIo.write(socket.value(), memory.address(), lengthBytes);
        // ENETDOWN: between two owners that open the TAP by name nobody is there.
        return check(written, "write", Errno.ENOBUFS, Errno.ENETDOWN) > 0;
    }

    @Override
    public void flush() {
        // The kernel has it already.
    }

    @Override
    public int receive(FrameHandler handler, int limit) {
        long place = memory.address() + FRAME_BYTES;
        int frames = 0;
        while (frames < limit) {
            long length = FileIo.read(socket.value(), place, FRAME_BYTES);
            if (check(length, "read", Errno.EAGAIN, Errno.ENETDOWN) < 0) {
                break;
            }
            handler.frame(place, (int) length);
            frames++;
        }
        return frames;
    }

    private static long check(long result, String call, int busy, int down) {
        if (result < 0 && result != -busy && result != -down) {
            throw new SyscallException(call + " of a packet socket", (int) -result);
        }
        return result;
    }

    @Override
    public boolean takesOpenChecksums() {
        return false;
    }

    @Override
    public void close() {
        socket.close();
        memory.close();
    }
}
