package dev.baton.ffi;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Files and everything that reads like one: open(2), read(2), write(2), readv(2), fcntl(2), statx(2), ftruncate(2),
 * lseek(2).
 *
 * <p>The four transfers are hot calls: they take a bare descriptor and addresses, return the number of bytes or the
 * negative errno, throw nothing and allocate nothing.
 */
@CHeader({"fcntl.h", "unistd.h", "sys/syscall.h", "linux/fs.h"})
public final class FileIo {
    public static final int O_RDONLY = 0;
    public static final int O_WRONLY = 1;
    public static final int O_RDWR = 2;
    public static final int O_CREAT = 0x40;
    public static final int O_EXCL = 0x80;
    public static final int O_TRUNC = 0x200;
    public static final int O_APPEND = 0x400;
    public static final int O_NONBLOCK = 0x800;
    public static final int O_CLOEXEC = 0x80000;

    static final int SEEK_DATA = 3;
    static final int SEEK_HOLE = 4;

    private static final MethodHandle OPEN = Native.variadic("open", 2, JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT);
    private static final boolean X86 = System.getProperty("os.arch", "").equals("amd64");
    @CName("SYS_read")
    static final long SYS_READ = X86 ? 0 : 63;
    @CName("SYS_write")
    static final long SYS_WRITE = X86 ? 1 : 64;
    @CName("SYS_readv")
    static final long SYS_READV = X86 ? 19 : 65;
    @CName("SYS_writev")
    static final long SYS_WRITEV = X86 ? 20 : 66;
    @CName("SYS_preadv2")
    static final long SYS_PREADV2 = X86 ? 327 : 286;
    static final int RWF_NOWAIT = 8;

    private static final MethodHandle SYSCALL =
        Native.plainVariadic("syscall", 1, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle FAILED_SYSCALL =
        Native.variadic("syscall", 1, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle SYSCALL_OF_SIX = Native.plainVariadic("syscall", 1, JAVA_LONG, JAVA_LONG,
        JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT);
    private static final MethodHandle FAILED_SYSCALL_OF_SIX = Native.variadic("syscall", 1, JAVA_LONG, JAVA_LONG,
        JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT);
    private static final MethodHandle FTRUNCATE = Native.function("ftruncate", JAVA_INT, JAVA_INT, JAVA_LONG);
    private static final MethodHandle LSEEK = Native.function("lseek", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT);

    private FileIo() {
    }

    /**
     * Opens a file, close-on-exec.
     *
     * @param path  the file
     * @param flags {@code O_*}
     * @param mode  permissions of a file that {@link #O_CREAT} makes
     * @return the descriptor
     */
    public static Fd open(String path, int flags, int mode) {
        try (Arena arena = Arena.ofConfined()) {
            long name = arena.allocateFrom(path).address();
            int fd;
            do {
                fd = open(name, flags | O_CLOEXEC, mode);
            } while (fd == -Errno.EINTR);
            return Fd.adopt(SyscallException.check(fd, "open(\"" + path + "\")"));
        }
    }

    /** Hot: reads up to {@code length} bytes; 0 is the end of the file, negative errno a failure. */
    public static long read(int fd, long address, long length) {
        return transfer(SYS_READ, fd, address, length);
    }

    /** Hot: writes up to {@code length} bytes; returns how many, or negative errno. */
    public static long write(int fd, long address, long length) {
        return transfer(SYS_WRITE, fd, address, length);
    }

    /** Hot: reads into {@code count} entries of an {@link IovecArray}; returns bytes, or negative errno. */
    public static long readv(int fd, long iovAddress, int count) {
        return transfer(SYS_READV, fd, iovAddress, count);
    }

    /** Hot: writes from {@code count} entries of an {@link IovecArray}; returns bytes, or negative errno. */
    public static long writev(int fd, long iovAddress, int count) {
        return transfer(SYS_WRITEV, fd, iovAddress, count);
    }

    /**
     * Hot: {@link #readv} at the file's own position that never waits, whether O_NONBLOCK is set or not (RWF_NOWAIT,
     * preadv2(2)); {@code -EAGAIN} where it would have to, {@code -EOPNOTSUPP} where the file cannot tell.
     */
    static long readvNoWait(int fd, long iovAddress, int count) {
        long result;
        try {
            result = (long) SYSCALL_OF_SIX.invokeExact(SYS_PREADV2, fd, iovAddress, (long) count, -1L, -1L, RWF_NOWAIT);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
        return result == -1 ? failedReadvNoWait(fd, iovAddress, count) : result;
    }

    private static long failedReadvNoWait(int fd, long iovAddress, int count) {
        int errno = Native.errno();
        if (isBelieved(errno)) {
            return -errno;
        }
        MemorySegment state = Native.state();
        try {
            return Native.result((long) FAILED_SYSCALL_OF_SIX.invokeExact(state, SYS_PREADV2, fd, iovAddress,
                (long) count, -1L, -1L, RWF_NOWAIT), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }

    /**
     * The C library's own functions for these calls are points where a thread can be cancelled, which nobody does here,
     * and that takes two atomic operations: a frame to or from a TAP costs 10 to 30 ns less without.
     */
    private static long transfer(long number, int fd, long address, long length) {
        long result;
        try {
            result = (long) SYSCALL.invokeExact(number, fd, address, length);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
        return result == -1 ? failedTransfer(number, fd, address, length) : result;
    }

    private static long failedTransfer(long number, int fd, long address, long length) {
        int errno = Native.errno();
        if (isBelieved(errno)) {
            return -errno;
        }
        MemorySegment state = Native.state();
        try {
            return Native.result((long) FAILED_SYSCALL.invokeExact(state, number, fd, address, length), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }

    /**
     * Whether a hint at why a transfer failed will do. EAGAIN is an everyday thing: should it be wrong, the next
     * attempt tells. The others are what a file says that is not there, not up or given bad memory, and no call of the
     * JVM's own ends so. They have to be believed: after some of them what was to be read is gone, so that a second
     * attempt would be about something else. All other failures are asked for again, by a call that keeps its errno.
     */
    private static boolean isBelieved(int errno) {
        return switch (errno) {
            case Errno.EAGAIN, Errno.EFAULT, Errno.EIO, Errno.EBADF, Errno.EBADFD, Errno.EINVAL -> true;
            default -> false;
        };
    }

    /** The status flags of the open file description: access mode, {@link #O_NONBLOCK} and others. */
    public static int statusFlags(Fd fd) {
        return (int) SyscallException.check(fd.use(file -> Fcntl.fcntl(file, Fcntl.F_GETFL, 0)), "fcntl(F_GETFL)");
    }

    /** Whether calls on the open file description return EAGAIN instead of waiting. */
    public static boolean isNonBlocking(Fd fd) {
        return (statusFlags(fd) & O_NONBLOCK) != 0;
    }

    /** Makes calls return EAGAIN, or wait; all who share the open file description are affected. */
    public static void setNonBlocking(Fd fd, boolean nonBlocking) {
        int flags = statusFlags(fd);
        int wanted = nonBlocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
        if (wanted != flags) {
            SyscallException.check(fd.use(file -> Fcntl.fcntl(file, Fcntl.F_SETFL, wanted)), "fcntl(F_SETFL)");
        }
    }

    /** Whether two descriptors are of one file, however often that was opened: of one namespace, for instance. */
    public static boolean isSameFile(Fd a, Fd b) {
        return Statx.isSameFile(a, b);
    }

    /**
     * Whether two descriptors are duplicates: one open file description, with its flags, its place, its waiting data.
     *
     * @throws SyscallException EINVAL where the kernel cannot be asked, which is before Linux 6.10
     */
    public static boolean isDuplicate(Fd a, Fd b) {
        return SyscallException.check(
            a.use(one -> b.use(other -> Fcntl.fcntl(one, Fcntl.F_DUPFD_QUERY, other))), "fcntl(F_DUPFD_QUERY)") != 0;
    }

    /** Bytes of the file. */
    public static long size(Fd fd) {
        return Statx.size(fd);
    }

    /** The size of the blocks that the file likes best; for a file of huge pages, the size of a page. */
    public static long blockSize(Fd fd) {
        return Statx.blockSize(fd);
    }

    /** Bytes of storage that the file has been given; fewer than {@link #size} where it has holes. */
    public static long allocatedBytes(Fd fd) {
        return Statx.allocatedBytes(fd);
    }

    /**
     * Where data begins, at this offset or after it. Moves the file position, which all share who share the open file
     * description. A file system that cannot tell says that all is data.
     *
     * @return the offset in bytes; {@code -ENXIO} if there is nothing but a hole up to the end of the file
     */
    public static long seekData(Fd fd, long offset) {
        long result = fd.use(file -> lseek(file, offset, SEEK_DATA));
        return result == -Errno.ENXIO ? result : SyscallException.check(result, "lseek(SEEK_DATA)");
    }

    /**
     * Where a hole begins, at this offset or after it; there is one at the end of every file. Otherwise like
     * {@link #seekData}.
     *
     * @return the offset in bytes; {@code -ENXIO} if the file ends before the offset
     */
    public static long seekHole(Fd fd, long offset) {
        long result = fd.use(file -> lseek(file, offset, SEEK_HOLE));
        return result == -Errno.ENXIO ? result : SyscallException.check(result, "lseek(SEEK_HOLE)");
    }

    /** Whether the descriptor is a socket. */
    public static boolean isSocket(Fd fd) {
        return Statx.isType(fd, Statx.S_IFSOCK);
    }

    /** Whether the descriptor is a regular file, as a memfd is. */
    public static boolean isRegularFile(Fd fd) {
        return Statx.isType(fd, Statx.S_IFREG);
    }

    /**
     * Whether the file lies in the machine's memory (tmpfs, as memfds do; ramfs, hugetlbfs) or on a disk of its own
     * (ext4, XFS, Btrfs): whoever touches it in a mapping waits for the kernel alone, not for another machine or for a
     * process that serves the file system.
     */
    public static boolean isLocal(Fd fd) {
        return Statfs.isLocal(fd);
    }

    /** Makes the file so many bytes long; what is added reads as zero. */
    public static void truncate(Fd fd, long size) {
        SyscallException.check(fd.use(file -> ftruncate(file, size)), "ftruncate(" + size + ")");
    }

    private static int open(long path, int flags, int mode) {
        MemorySegment state = Native.state();
        try {
            return Native.result((int) OPEN.invokeExact(state, path, flags, mode), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }

    private static int ftruncate(int fd, long size) {
        MemorySegment state = Native.state();
        try {
            return Native.result((int) FTRUNCATE.invokeExact(state, fd, size), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }

    private static long lseek(int fd, long offset, int whence) {
        MemorySegment state = Native.state();
        try {
            return Native.result((long) LSEEK.invokeExact(state, fd, offset, whence), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }
}
