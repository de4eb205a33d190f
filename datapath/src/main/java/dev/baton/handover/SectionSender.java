package dev.baton.handover;

import dev.baton.ffi.DescriptorMessage;
import dev.baton.ffi.Errno;
import dev.baton.ffi.Fd;
import dev.baton.ffi.RawMemory;
import dev.baton.ffi.SyscallException;
import java.lang.foreign.Arena;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;

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
    private final Deque<Parcel> outbox = new ArrayDeque<>();
    private long lastSequence;

    SectionSender(Fd socket, Waiting waiting, long timeoutNs) {
        this.socket = socket;
        this.waiting = waiting;
        this.timeoutNs = timeoutNs;
    }

    /** A section that is not yet sent whole. */
    private static final class Parcel {
        private final String label;
        private final byte[] bytes;
        private final int length;
        private final int[] descriptors;
        private int sent;
        private int passed;

        Parcel(String label, byte[] bytes, int length, int[] descriptors) {
            this.label = label;
            this.bytes = bytes;
            this.length = length;
            this.descriptors = descriptors;
        }
    }

    /** How far sections were taken: those taken after it can be forgotten, as long as none of them was flushed. */
    record Mark(int parcels, long lastSequence) {
    }

    Mark mark() {
        return new Mark(outbox.size(), lastSequence);
    }

    /** The sections taken since then are not sent, and their numbers are free for others. */
    void forgetSince(Mark mark) {
        while (outbox.size() > mark.parcels) {
            outbox.removeLast();
        }
        lastSequence = mark.lastSequence;
    }

    /**
     * Takes a section, or what the fault makes of it, to be sent by {@link #flush}. The descriptors stay the caller's,
     * and open until then.
     */
    void add(Section section, String label, int schemaVersion, byte[] body, int[] descriptors, Fault fault) {
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
        outbox.add(new Parcel(label, bytes, fault == Fault.TRUNCATE ? bytes.length / 2 : bytes.length, passed));
    }

    /** Sends all that there is; the peer may take the timeout for it. */
    void flush() throws HandoverException {
        if (!flush(System.nanoTime() + timeoutNs)) {
            String label = outbox.element().label;
            outbox.clear();
            throw new HandoverException(label, HandoverError.TIMEOUT, "the peer did not read it in time");
        }
    }

    /** Sends as much as the peer takes until the deadline; false when that was not all: it is to be called again. */
    boolean flush(long deadlineNs) throws HandoverException {
        boolean failed = true;
        try {
            while (!outbox.isEmpty()) {
                if (!put(outbox.element(), deadlineNs)) {
                    failed = false;
                    return false;
                }
                outbox.remove();
            }
            failed = false;
            return true;
        } finally {
            if (failed) {
                outbox.clear();
            }
        }
    }

    /** A section that is swallowed: its number is used up, so that the peer misses it as soon as another one comes. */
    void skip() {
        lastSequence++;
    }

    private boolean put(Parcel parcel, long deadlineNs) throws HandoverException {
        try (Arena arena = Arena.ofConfined()) {
            long address = arena.allocate(parcel.length).address();
            RawMemory.copyFromArray(parcel.bytes, 0, address, parcel.length);
            while (parcel.sent < parcel.length) {
                int until = Math.min(parcel.descriptors.length, parcel.passed + MESSAGE_DESCRIPTORS);
                boolean more = until < parcel.descriptors.length;
                int[] now = Arrays.copyOfRange(parcel.descriptors, parcel.passed, until);
                long count = DescriptorMessage.send(socket, address + parcel.sent,
                    more ? 1 : parcel.length - parcel.sent, now, DescriptorMessage.MSG_DONTWAIT);
                if (count != -Errno.EAGAIN) {
                    parcel.sent += (int) count;
                    parcel.passed = until;
                } else if (!await(parcel.label, deadlineNs)) {
                    return false;
                }
            }
            return true;
        } catch (IllegalStateException e) {
            throw new HandoverException(parcel.label, HandoverError.CLOSED, "the channel was closed on this side", e);
        } catch (SyscallException e) {
            boolean gone = e.errno() == Errno.EPIPE || e.errno() == Errno.ECONNRESET;
            throw new HandoverException(parcel.label, gone ? HandoverError.PEER_GONE : HandoverError.SOCKET_FAILED,
                gone ? "the peer closed the channel" : "" + e.getMessage(), e);
        }
    }

    /** False when there was no room in time. */
    private boolean await(String label, long deadlineNs) throws HandoverException {
        return switch (waiting.until(deadlineNs)) {
            case READY -> true;
            case WOKEN ->
                throw new HandoverException(label, HandoverError.CLOSED, "the channel was closed on this side");
            case TIMEOUT -> false;
        };
    }
}
