package dev.baton.ffi;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Locale;

/**
 * Where Java ends: the linker, the restricted operations, errno.
 *
 * <p><b>Theory of operation.</b> Each binding holds its method handles in {@code static final} fields and calls each of
 * them with {@code invokeExact} from one small static method, which the JIT folds to a plain call. Pointers travel as
 * {@code long}: a pointer and a 64-bit integer share their registers on x86-64 and aarch64, and no object has to be
 * made for them. Every such method returns what the kernel itself would: the result, or the negative errno.
 *
 * <p>The linker copies errno after the call into a segment that is passed to it. There is one per thread, and it is
 * read only when the call failed: after a call that worked it holds what an earlier one left there. The same piece of
 * memory has room for a small out-parameter:
 *
 * <pre>
 *   0        4        8                        64
 *   +--------+--------+------------------------+
 *   | errno  |   -    | scratch, see scratch() |
 *   +--------+--------+------------------------+
 * </pre>
 *
 * <p>Before each such call the linker makes a slice of the segment. The JIT does away with it, but not always: when it
 * compiles under load it may have counted too few calls to take the slice's own method in, and from then on each call
 * leaves 40 bytes behind. Hot calls therefore go by {@link #plain}, which keeps no errno, and read it by
 * {@link #errno()}.
 */
final class Native {
    /** Bytes that {@link #scratch()} points at. */
    static final int SCRATCH_BYTES = 56;

    private static final int SCRATCH_OFFSET = 8;
    private static final Linker LINKER = linker();
    private static final Linker.Option CAPTURE_ERRNO = Linker.Option.captureCallState("errno");

    /** The name has been that of all C libraries of Linux since the errno of a thread is its own. */
    private static final MethodHandle ERRNO_LOCATION = critical("__errno_location", ValueLayout.JAVA_LONG);

    /** Automatic arenas: the memory of a thread, virtual ones included, goes when the thread has gone. */
    private static final ThreadLocal<MemorySegment> STATE =
        ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(SCRATCH_OFFSET + SCRATCH_BYTES, 8));

    private Native() {
    }

    /** A handle on a C function; its first argument is {@link #state()}. */
    static MethodHandle function(String name, ValueLayout result, MemoryLayout... arguments) {
        return link(name, FunctionDescriptor.of(result, arguments), CAPTURE_ERRNO);
    }

    /** A handle on a C function with {@code fixed} named arguments before its {@code ...}. */
    static MethodHandle variadic(String name, int fixed, ValueLayout result, MemoryLayout... arguments) {
        return link(name, FunctionDescriptor.of(result, arguments), CAPTURE_ERRNO,
            Linker.Option.firstVariadicArg(fixed));
    }

    /**
     * A handle on a C function that allocates nothing however it is compiled. What it says of a failure is -1; the
     * reason has to be found out, see {@link #errno()}.
     */
    static MethodHandle plain(String name, ValueLayout result, MemoryLayout... arguments) {
        return link(name, FunctionDescriptor.of(result, arguments));
    }

    /** {@link #plain} for a C function with {@code fixed} named arguments before its {@code ...}. */
    static MethodHandle plainVariadic(String name, int fixed, ValueLayout result, MemoryLayout... arguments) {
        return link(name, FunctionDescriptor.of(result, arguments), Linker.Option.firstVariadicArg(fixed));
    }

    /** A handle on a C function that cannot fail and takes far less than a microsecond. */
    static MethodHandle critical(String name, ValueLayout result, MemoryLayout... arguments) {
        return link(name, FunctionDescriptor.of(result, arguments), Linker.Option.critical(false));
    }

    @SuppressWarnings("restricted") // the one place that links
    private static MethodHandle link(String name, FunctionDescriptor descriptor, Linker.Option... options) {
        MemorySegment symbol = LINKER.defaultLookup().find(name)
            .orElseThrow(() -> new LinkageError("the C library of this machine has no function " + name));
        try {
            return LINKER.downcallHandle(symbol, descriptor, options);
        } catch (IllegalCallerException e) {
            throw denied(e);
        }
    }

    /** All memory as one segment that never ends; see {@link RawMemory}. */
    @SuppressWarnings("restricted") // the one place that makes memory out of a number
    static MemorySegment everything() {
        try {
            return MemorySegment.NULL.reinterpret(Long.MAX_VALUE);
        } catch (IllegalCallerException e) {
            throw denied(e);
        }
    }

    /** This thread's errno segment: passed with every call, read by {@link #result} only. */
    static MemorySegment state() {
        return STATE.get();
    }

    /** Address of this thread's room for a small out-parameter; good until the next call that uses it. */
    static long scratch() {
        return STATE.get().address() + SCRATCH_OFFSET;
    }

    /**
     * The errno of the {@link #plain} call that this thread has just made, as a hint: on its way back from the call the
     * thread may have been stopped by the JVM, which makes calls of its own.
     */
    static int errno() {
        try {
            return RawMemory.getInt((long) ERRNO_LOCATION.invokeExact());
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /** What the kernel said: the result of a call that worked, or negative errno. */
    static int result(int result, MemorySegment state) {
        return result == -1 ? -state.get(ValueLayout.JAVA_INT, 0) : result;
    }

    /** {@link #result(int, MemorySegment)} for calls that return {@code ssize_t} or a pointer. */
    static long result(long result, MemorySegment state) {
        return result == -1 ? -state.get(ValueLayout.JAVA_INT, 0) : result;
    }

    /** Handles declare {@code Throwable}; nothing but a mistake in a binding ever arrives here. */
    static RuntimeException unexpected(Throwable e) {
        if (e instanceof Error error) {
            throw error;
        }
        return e instanceof RuntimeException exception ? exception : new IllegalStateException(e);
    }

    /** Errors, so that a static initialiser passes them on as they are. */
    private static LinkageError denied(IllegalCallerException cause) {
        Module module = Native.class.getModule();
        return new LinkageError("Linux calls are not allowed in this JVM: start java with --enable-native-access="
            + (module.isNamed() ? module.getName() : "ALL-UNNAMED"), cause);
    }

    private static Linker linker() {
        String system = System.getProperty("os.name", "");
        String machine = System.getProperty("os.arch", "");
        if (!system.equals("Linux") || !(machine.equals("amd64") || machine.equals("aarch64"))) {
            throw new LinkageError(String.format(Locale.ROOT,
                "Baton runs on Linux on x86-64 and aarch64, this is %s on %s", system, machine));
        }
        return Linker.nativeLinker();
    }
}
