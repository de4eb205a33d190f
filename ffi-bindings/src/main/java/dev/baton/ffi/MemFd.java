package dev.baton.ffi;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** Memory with a descriptor, to be shared with other processes, see memfd_create(2). */
@CHeader({"sys/mman.h", "fcntl.h"})
public final class MemFd {
    public static final int MFD_CLOEXEC = 1;
    public static final int MFD_ALLOW_SEALING = 2;
    public static final int MFD_HUGETLB = 4;
    public static final int F_SEAL_SEAL = 1;
    public static final int F_SEAL_SHRINK = 2;
    public static final int F_SEAL_GROW = 4;
    public static final int F_SEAL_WRITE = 8;
    public static final int F_SEAL_FUTURE_WRITE = 16;

    private static final MethodHandle MEMFD_CREATE = Native.function("memfd_create", JAVA_INT, JAVA_LONG, JAVA_INT);

    private MemFd() {
    }

    /** {@link #create(String, long, int)} without flags. */
    public static Fd create(String name, long size) {
        return create(name, size, 0);
    }

    /**
     * Makes a file that lives in memory only, close-on-exec.
     *
     * @param name  shown in {@code /proc/PID/maps}
     * @param size  bytes, all zero
     * @param flags {@code MFD_*}
     * @return the descriptor
     */
    public static Fd create(String name, long size, int flags) {
        Fd fd;
        try (Arena arena = Arena.ofConfined()) {
            int result = memfdCreate(arena.allocateFrom(name).address(), flags | MFD_CLOEXEC);
            fd = Fd.adopt(SyscallException.check(result, "memfd_create(\"" + name + "\")"));
        }
        try {
            FileIo.truncate(fd, size);
            return fd;
        } catch (RuntimeException e) {
            fd.close();
            throw e;
        }
    }

    /** Forbids changes for ever: {@code F_SEAL_*}, see fcntl(2); the file needs {@link #MFD_ALLOW_SEALING}. */
    public static void seal(Fd fd, int seals) {
        SyscallException.check(fd.use(file -> Fcntl.fcntl(file, Fcntl.F_ADD_SEALS, seals)), "fcntl(F_ADD_SEALS)");
    }

    /** What was forbidden so far: {@code F_SEAL_*}. */
    public static int seals(Fd fd) {
        return (int) SyscallException.check(
            fd.use(file -> Fcntl.fcntl(file, Fcntl.F_GET_SEALS, 0)), "fcntl(F_GET_SEALS)");
    }

    /** Whether one of these changes, {@code F_SEAL_*}, is forbidden; a file of another kind forbids none. */
    public static boolean isSealed(Fd fd, int seals) {
        long forbidden = fd.use(file -> Fcntl.fcntl(file, Fcntl.F_GET_SEALS, 0));
        return forbidden > 0 && (forbidden & seals) != 0;
    }

    private static int memfdCreate(long name, int flags) {
        MemorySegment state = Native.state();
        try {
            return Native.result((int) MEMFD_CREATE.invokeExact(state, name, flags), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }
}
