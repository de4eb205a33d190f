package dev.baton.ffi;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;

/**
 * Bytes and open descriptors over a UNIX socket, see sendmsg(2), recvmsg(2) and SCM_RIGHTS in unix(7).
 *
 * <p>The descriptors of a message arrive with its first byte. On a socket that does not wait, {@code -EAGAIN} is the
 * one failure that is returned; all others are thrown.
 */
@CHeader("sys/socket.h")
public final class DescriptorMessage {
    /** The most descriptors that the kernel takes in one message: SCM_MAX_FD. */
    private static final int MAX_DESCRIPTORS = 253;

    /** Flag: return EAGAIN instead of waiting, this time. */
    public static final int MSG_DONTWAIT = MessageHeader.MSG_DONTWAIT;
    /** Flag: leave the message where it is; descriptors are duplicated. */
    public static final int MSG_PEEK = 0x2;
    /** Flag: wait until all bytes asked for are there. */
    public static final int MSG_WAITALL = 0x100;

    private DescriptorMessage() {
    }

    /**
     * Sends one message.
     *
     * @param socket  connected socket
     * @param address first byte
     * @param length  bytes, at least 1
     * @param fds     up to 253 descriptors, still owned by the caller
     * @param flags   {@code MSG_*}
     * @return bytes that were taken, maybe fewer than asked (the descriptors have all gone); or {@code -EAGAIN}
     */
    public static long send(Fd socket, long address, long length, int[] fds, int flags) {
        if (fds.length > MAX_DESCRIPTORS) {
            throw new IllegalArgumentException(
                "a message takes " + MAX_DESCRIPTORS + " descriptors, not " + fds.length);
        }
        try (Arena arena = Arena.ofConfined()) {
            MessageHeader message = new MessageHeader(arena, fds.length);
            return checked(socket.use(fd -> message.send(fd, address, length, fds, 0, fds.length, flags)), "sendmsg");
        }
    }

    /**
     * Sends all bytes and all descriptors over a stream socket that waits. More descriptors than a message holds go
     * with the first bytes, one byte for each message before the last; the receiver collects them until it has all
     * bytes.
     *
     * @param socket  connected stream socket
     * @param address first byte
     * @param length  bytes, at least one for every 253 descriptors begun
     * @param fds     any number of descriptors, still owned by the caller
     * @return {@code length}
     */
    public static long sendAll(Fd socket, long address, long length, int[] fds) {
        int messages = Math.max(1, (fds.length + MAX_DESCRIPTORS - 1) / MAX_DESCRIPTORS);
        if (length < messages) {
            throw new IllegalArgumentException(
                fds.length + " descriptors need " + messages + " bytes to travel with, not " + length);
        }
        try (Arena arena = Arena.ofConfined()) {
            MessageHeader message = new MessageHeader(arena, Math.min(fds.length, MAX_DESCRIPTORS));
            long sent = 0;
            int passed = 0;
            while (sent < length) {
                int from = passed;
                int count = Math.min(fds.length - passed, MAX_DESCRIPTORS);
                boolean more = passed + count < fds.length;
                long start = address + sent;
                long bytes = more ? 1 : length - sent;
                sent += SyscallException.check(
                    socket.use(fd -> message.send(fd, start, bytes, fds, from, count, 0)), "sendmsg");
                passed += count;
            }
            return sent;
        }
    }

    private static long checked(long result, String call) {
        return result == -Errno.EAGAIN ? result : SyscallException.check(result, call);
    }

    /** Receives messages with descriptors; belongs to one thread at a time. */
    public static final class Receiver {
        private final int room;
        private final MessageHeader message;

        /** A receiver with room for as many descriptors as one message can bring. */
        public Receiver() {
            this(MAX_DESCRIPTORS);
        }

        /** A receiver that takes up to {@code room} descriptors with a message. */
        public Receiver(int room) {
            if (room < 0 || room > MAX_DESCRIPTORS) {
                throw new IllegalArgumentException("room for 0 to " + MAX_DESCRIPTORS + " descriptors, not " + room);
            }
            this.room = room;
            this.message = new MessageHeader(Arena.ofAuto(), room);
        }

        /**
         * Receives one message, or a piece of a stream. Descriptors are close-on-exec.
         *
         * @param socket  connected socket
         * @param address where the bytes go
         * @param length  bytes, at most
         * @param into    the list that the descriptors are added to; the caller owns them
         * @param flags   {@code MSG_*}
         * @return bytes that came; 0 if the other end is closed; {@code -EAGAIN} if nothing is there yet
         * @throws TruncatedControlException if there were more descriptors than room; none is left open
         */
        public long receive(Fd socket, long address, long length, List<Fd> into, int flags) {
            long result = socket.use(fd -> message.receive(fd, address, length, flags));
            if (result < 0) {
                return checked(result, "recvmsg");
            }
            int[] fds = message.received();
            if (message.truncated()) {
                for (int fd : fds) {
                    Fd.close(fd);
                }
                throw new TruncatedControlException(room, fds.length);
            }
            hand(fds, into);
            return result;
        }

        private static void hand(int[] fds, List<Fd> into) {
            List<Fd> owned = Arrays.stream(fds).mapToObj(Fd::adopt).toList();
            try {
                into.addAll(owned);
            } catch (RuntimeException e) { // a list that cannot grow
                owned.forEach(Fd::close);
                throw e;
            }
        }
    }
}
