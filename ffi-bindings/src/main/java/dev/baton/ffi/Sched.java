package dev.baton.ffi;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.util.BitSet;

/** The calling thread and its CPUs, see sched_setaffinity(2) and prctl(2). */
@CHeader({"sched.h", "sys/prctl.h"})
public final class Sched {
    static final int PR_SET_NAME = 15;
    static final int PR_GET_NAME = 16;

    /** Room for more CPUs than a kernel can have: the call refuses a set that is too small. */
    private static final int SET_BYTES = 1024;
    private static final int NAME_BYTES = 15;

    private static final MethodHandle SCHED_SETAFFINITY =
        Native.function("sched_setaffinity", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle SCHED_GETAFFINITY =
        Native.function("sched_getaffinity", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle PRCTL = Native.variadic("prctl", 1, JAVA_INT, JAVA_INT, JAVA_LONG);

    private static final MethodHandle GETTID = Native.function("gettid", JAVA_INT);

    private Sched() {
    }

    /** The kernel's number of the calling thread. */
    public static int threadId() {
        MemorySegment state = Native.state();
        try {
            return Native.result((int) GETTID.invokeExact(state), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }

    /** Lets the calling thread run on these CPUs only; EINVAL if the machine has none of them. */
    public static void setAffinity(int... cpus) {
        BitSet set = new BitSet();
        for (int cpu : cpus) {
            if (cpu < 0 || cpu >= SET_BYTES * Byte.SIZE) {
                throw new IllegalArgumentException("no such CPU: " + cpu);
            }
            set.set(cpu);
        }
        byte[] mask = set.toByteArray();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(SET_BYTES, Long.BYTES);
            MemorySegment.copy(mask, 0, memory, JAVA_BYTE, 0, mask.length);
            SyscallException.check(schedSetaffinity(0, SET_BYTES, memory.address()), "sched_setaffinity(" + set + ")");
        }
    }

    /** The CPUs that the calling thread may run on, ascending. */
    public static int[] affinity() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(SET_BYTES, Long.BYTES);
            SyscallException.check(schedGetaffinity(0, SET_BYTES, memory.address()), "sched_getaffinity");
            return BitSet.valueOf(memory.toArray(JAVA_BYTE)).stream().toArray();
        }
    }

    /** Names the calling thread for the kernel's tools, which show 15 bytes. */
    public static void threadName(String name) {
        byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(NAME_BYTES + 1);
            MemorySegment.copy(bytes, 0, memory, JAVA_BYTE, 0, Math.min(bytes.length, NAME_BYTES));
            SyscallException.check(prctl(PR_SET_NAME, memory.address()), "prctl(PR_SET_NAME)");
        }
    }

    /** The name of the calling thread for the kernel's tools. */
    public static String threadName() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(NAME_BYTES + 1);
            SyscallException.check(prctl(PR_GET_NAME, memory.address()), "prctl(PR_GET_NAME)");
            return memory.getString(0);
        }
    }

    private static int schedSetaffinity(int thread, long size, long mask) {
        MemorySegment state = Native.state();
        try {
            return Native.result((int) SCHED_SETAFFINITY.invokeExact(state, thread, size, mask), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }

    private static int schedGetaffinity(int thread, long size, long mask) {
        MemorySegment state = Native.state();
        try {
            return Native.result((int) SCHED_GETAFFINITY.invokeExact(state, thread, size, mask), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }

    private static int prctl(int option, long argument) {
        MemorySegment state = Native.state();
        try {
            return Native.result((int) PRCTL.invokeExact(state, option, argument), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }
}
