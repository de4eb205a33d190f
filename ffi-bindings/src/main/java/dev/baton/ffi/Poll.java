package dev.baton.ffi;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.util.concurrent.TimeUnit;

/** Waits for one descriptor, see poll(2). */
@CHeader(value = "poll.h", prefix = "POLL")
public final class Poll {
    /** There is something to read. */
    public static final int IN = 0x1;
    /** There is room to write. */
    public static final int OUT = 0x4;
    /** An error; always reported. */
    public static final int ERR = 0x8;
    /** Hang-up; always reported. */
    public static final int HUP = 0x10;
    /** Not a descriptor; always reported. */
    public static final int NVAL = 0x20;

    static final StructLayout POLLFD = MemoryLayout.structLayout(
        JAVA_INT.withName("fd"), JAVA_SHORT.withName("events"), JAVA_SHORT.withName("revents")).withName("pollfd");

    private static final long EVENTS = POLLFD.byteOffset(groupElement("events"));
    private static final long REVENTS = POLLFD.byteOffset(groupElement("revents"));
    private static final MethodHandle POLL = Native.function("poll", JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT);

    private Poll() {
    }

    /**
     * Waits until a descriptor is ready.
     *
     * @param fd        the descriptor
     * @param events    {@link #IN} or {@link #OUT} or both
     * @param timeoutMs milliseconds to wait at most, 0 to look only, negative for ever
     * @return what the descriptor is ready for; 0 if time ran out
     */
    public static int await(Fd fd, int events, long timeoutMs) {
        return (int) SyscallException.check(fd.use(number -> await(number, events, timeoutMs)), "poll");
    }

    private static long await(int fd, int events, long timeoutMs) {
        long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(timeoutMs);
        long left = timeoutMs;
        long pollfd = Native.scratch();
        while (true) {
            RawMemory.putInt(pollfd, fd);
            RawMemory.putShort(pollfd + EVENTS, (short) events);
            RawMemory.putShort(pollfd + REVENTS, (short) 0);
            int result = poll(pollfd, 1, left < 0 ? -1 : (int) Math.min(left, Integer.MAX_VALUE));
            if (result >= 0) {
                return Short.toUnsignedLong(RawMemory.getShort(pollfd + REVENTS));
            }
            if (result != -Errno.EINTR) {
                return result;
            }
            if (timeoutMs >= 0) {
                left = Math.max(0, TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime()));
            }
        }
    }

    private static int poll(long fds, long count, int timeoutMs) {
        MemorySegment state = Native.state();
        try {
            return Native.result((int) POLL.invokeExact(state, fds, count, timeoutMs), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }
}
