package dev.baton.ffi;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;

/** Clocks that processes share, and what the kernel counts of a thread; see clock_gettime(2) and getrusage(2). */
@CHeader({"time.h", "sys/resource.h"})
public final class Clock {
    static final int CLOCK_MONOTONIC = 1;
    static final int CLOCK_THREAD_CPUTIME_ID = 3;
    static final int RUSAGE_THREAD = 1;

    static final StructLayout TIMESPEC = MemoryLayout.structLayout(
        JAVA_LONG.withName("tv_sec"), JAVA_LONG.withName("tv_nsec")).withName("timespec");

    static final StructLayout RUSAGE = MemoryLayout.structLayout(
        MemoryLayout.sequenceLayout(2, JAVA_LONG).withName("ru_utime"),
        MemoryLayout.sequenceLayout(2, JAVA_LONG).withName("ru_stime"),
        MemoryLayout.paddingLayout(96),
        JAVA_LONG.withName("ru_nvcsw"),
        JAVA_LONG.withName("ru_nivcsw")).withName("rusage");

    private static final long NS_PER_SECOND = 1_000_000_000;
    private static final long TV_NSEC = TIMESPEC.byteOffset(groupElement("tv_nsec"));

    /** The kernel answers both clocks at once, and neither can fail. */
    private static final MethodHandle CLOCK_GETTIME =
        Native.critical("clock_gettime", JAVA_INT, JAVA_INT, JAVA_LONG);
    private static final MethodHandle GETRUSAGE = Native.function("getrusage", JAVA_INT, JAVA_INT, JAVA_LONG);

    private Clock() {
    }

    /** CLOCK_MONOTONIC in nanoseconds: the same in all processes of this machine. Allocates nothing. */
    public static long monotonicNs() {
        return nanoseconds(CLOCK_MONOTONIC);
    }

    /** CPU time of the calling thread in nanoseconds. Allocates nothing. */
    public static long threadCpuNs() {
        return nanoseconds(CLOCK_THREAD_CPUTIME_ID);
    }

    /** How often the calling thread left its CPU so far. */
    public static ContextSwitches contextSwitches() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment usage = arena.allocate(RUSAGE);
            SyscallException.check(getrusage(RUSAGE_THREAD, usage.address()), "getrusage(RUSAGE_THREAD)");
            return new ContextSwitches(
                usage.get(JAVA_LONG, RUSAGE.byteOffset(groupElement("ru_nvcsw"))),
                usage.get(JAVA_LONG, RUSAGE.byteOffset(groupElement("ru_nivcsw"))));
        }
    }

    private static long nanoseconds(int clock) {
        long timespec = Native.scratch();
        clockGettime(clock, timespec);
        return RawMemory.getLong(timespec) * NS_PER_SECOND + RawMemory.getLong(timespec + TV_NSEC);
    }

    @SuppressWarnings("UnusedReturnValue") // see CLOCK_GETTIME
    private static int clockGettime(int clock, long timespec) {
        try {
            return (int) CLOCK_GETTIME.invokeExact(clock, timespec);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }

    private static int getrusage(int who, long usage) {
        MemorySegment state = Native.state();
        try {
            return Native.result((int) GETRUSAGE.invokeExact(state, who, usage), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }
}
