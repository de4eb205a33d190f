package dev.baton.handover;

import dev.baton.ffi.DescriptorMessage;
import dev.baton.ffi.Errno;
import dev.baton.ffi.Fd;
import dev.baton.ffi.RawMemory;
import dev.baton.ffi.SyscallException;
import java.lang.foreign.Arena;
import java.util.Arrays;

/**
 * Puts sections on a stream. More descriptors than a message takes go with the first bytes of the header, one byte for
 * each message before the last. It never waits longer than it is told for a peer that does not read.
 */
final class SectionSender {
    private static final int MESSAGE_DESCRIPTORS = 253;
    private static final int FORGED_VERSION = 0xffff;

    private final Fd socket;
    private final Waiting waiting;
    private final long timeoutNs;
    private long lastSequence;

    SectionSender(Fd socket, Waiting waiting, long timeoutNs) {
        this.socket = socket;
        this.waiting = waiting;
        this.timeoutNs = timeoutNs;
    }

    /** Sends a section, or what the fault makes of it. The descriptors stay the caller's. */
    void send(Section section, String label, int schemaVersion, byte[] body, int[] descriptors, Fault fault)
        throws HandoverException {
        int version = fault == Fault.UNKNOWN_VERSION ? FORGED_VERSION : schemaVersion;
        if (fault != Fault.REPLAY || lastSequence == 0) {
            lastSequence++;
        }
        byte[] header =
            SectionHeader.of(section.code(), version, body, descriptors.length, lastSequence).toBytes();
        byte[] bytes = Arrays.copyOf(header, header.length + body.length);
        System.arraycopy(body, 0, bytes, header.length, body.length);
        int[] passed = descriptors;
        if (descriptors.length > 0 && fault == Fault.DROP_DESCRIPTOR) {
            passed = Arrays.copyOfRange(descriptors, 1, descriptors.length);
        } else if (descriptors.length > 0 && fault == Fault.WRONG_DESCRIPTOR) {
            passed = descriptors.clone();
            passed[0] = waiting.useless();
        } else if (fault == Fault.CORRUPT) {
            bytes[bytes.length - 1] ^= 0x40;
        }
        put(label, bytes, fault == Fault.TRUNCATE ? bytes.length / 2 : bytes.length, passed);
    }

    /** A section that is swallowed: its number is used up, so that the peer misses it as soon as another one comes. */
    void skip() {
        lastSequence++;
    }

    private void put(String label, byte[] bytes, int length, int[] descriptors) throws HandoverException {
        long deadlineNs = System.nanoTime() + timeoutNs;
        try (Arena arena = Arena.ofConfined()) {
            long address = arena.allocate(length).address();
            RawMemory.copyFromArray(bytes, 0, address, length);
            int sent = 0;
            int passed = 0;
            while (sent < length) {
                int until = Math.min(descriptors.length, passed + MESSAGE_DESCRIPTORS);
                boolean more = until < descriptors.length;
                int[] now = Arrays.copyOfRange(descriptors, passed, until);
                long count = DescriptorMessage.send(
                    socket, address + sent, more ? 1 : length - sent, now, DescriptorMessage.MSG_DONTWAIT);
                if (count == -Errno.EAGAIN) {
                    await(label, deadlineNs);
                } else {
                    sent += (int) count;
                    passed = until;
                }
            }
        } catch (IllegalStateException e) {
            throw new HandoverException(label, HandoverError.CLOSED, "the channel was closed on this side", e);
        } catch (SyscallException e) {
            boolean gone = e.errno() == Errno.EPIPE || e.errno() == Errno.ECONNRESET;
            throw new HandoverException(label, gone ? HandoverError.PEER_GONE : HandoverError.SOCKET_FAILED,
                gone ? "the peer closed the channel" : "" + e.getMessage(), e);
        }
    }

    private void await(String label, long deadlineNs) throws HandoverException {
        switch (waiting.until(deadlineNs)) {
            case READY -> { }
            case WOKEN ->
                throw new HandoverException(label, HandoverError.CLOSED, "the channel was closed on this side");
            case TIMEOUT ->
                throw new HandoverException(label, HandoverError.TIMEOUT, "the peer did not read it in time");
        }
    }
}
