package dev.baton.ffi;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * A piece of the address space, see mmap(2).
 *
 * <p>No arena stands behind it: closing an arena stops every thread of the JVM, {@code munmap} does not. Its owner
 * closes it after the last user has let go of the address.
 */
@CHeader({"sys/mman.h", "linux/mman.h", "unistd.h"})
public final class Mapping implements AutoCloseable {
    public static final int PROT_NONE = 0;
    public static final int PROT_READ = 1;
    public static final int PROT_WRITE = 2;
    public static final int MAP_SHARED = 0x1;
    public static final int MAP_PRIVATE = 0x2;
    public static final int MAP_ANONYMOUS = 0x20;
    public static final int MAP_NORESERVE = 0x4000;
    public static final int MAP_POPULATE = 0x8000;
    public static final int MAP_HUGETLB = 0x40000;
    public static final int MADV_WILLNEED = 3;
    public static final int MADV_DONTNEED = 4;
    public static final int MADV_DONTFORK = 10;
    public static final int MADV_HUGEPAGE = 14;
    public static final int MADV_DONTDUMP = 16;
    public static final int MADV_POPULATE_READ = 22;
    public static final int MADV_POPULATE_WRITE = 23;

    @CName("_SC_PAGESIZE")
    static final int SC_PAGESIZE = 30;

    private static final MethodHandle MMAP =
        Native.function("mmap", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG);
    private static final MethodHandle MUNMAP = Native.function("munmap", JAVA_INT, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle MADVISE = Native.function("madvise", JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT);
    private static final MethodHandle SYSCONF = Native.function("sysconf", JAVA_LONG, JAVA_INT);
    private static final long PAGE_SIZE = SyscallException.check(sysconf(SC_PAGESIZE), "sysconf(_SC_PAGESIZE)");

    private final long address;
    private final long length;
    private final AtomicBoolean open = new AtomicBoolean(true);

    private Mapping(long address, long length) {
        this.address = address;
        this.length = length;
    }

    /**
     * Maps a file for reading and writing; others who map it see the writes.
     *
     * @param fd     the file, which may be closed afterwards
     * @param offset first byte, a multiple of {@link #pageSize()}
     * @param length bytes
     * @return the mapping
     */
    public static Mapping shared(Fd fd, long offset, long length) {
        return map(fd, offset, length, PROT_READ | PROT_WRITE, MAP_SHARED);
    }

    /** {@link #shared(Fd, long, long)} for reading only: a write through it ends the JVM. */
    public static Mapping sharedReadOnly(Fd fd, long offset, long length) {
        return map(fd, offset, length, PROT_READ, MAP_SHARED);
    }

    /** Fresh memory of this process, all zero. */
    public static Mapping anonymous(long length) {
        return map(null, 0, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    }

    /**
     * The full form.
     *
     * @param fd     the file, or null with {@link #MAP_ANONYMOUS}
     * @param offset first byte of the file, a multiple of {@link #pageSize()}
     * @param length bytes
     * @param prot   {@code PROT_*}
     * @param flags  {@code MAP_*}
     * @return the mapping
     */
    public static Mapping map(@Nullable Fd fd, long offset, long length, int prot, int flags) {
        long address = fd == null
            ? mmap(length, prot, flags, -1, offset)
            : fd.use(file -> mmap(length, prot, flags, file, offset));
        return new Mapping(SyscallException.check(address, "mmap(" + length + " bytes)"), length);
    }

    /** Bytes of a page of memory. */
    public static long pageSize() {
        return PAGE_SIZE;
    }

    /** Address of the first byte. */
    public long address() {
        return address;
    }

    /** Bytes, as asked for. */
    public long length() {
        return length;
    }

    /** Whether the memory is still there. */
    public boolean isOpen() {
        return open.get();
    }

    /** Tells the kernel about the use of the memory: one of {@code MADV_*}, see madvise(2). */
    public void advise(int advice) {
        advise(0, length, advice);
    }

    /**
     * {@link #advise(int)} about a part.
     *
     * @param offset first byte of the part, a multiple of {@link #pageSize()}
     * @param bytes  its length
     * @param advice {@code MADV_*}
     */
    public void advise(long offset, long bytes, int advice) {
        if (!isOpen()) {
            throw new IllegalStateException("the mapping was closed");
        }
        Objects.checkFromIndexSize(offset, bytes, length);
        SyscallException.check(madvise(address + offset, bytes, advice), "madvise(" + advice + ")");
    }

    /** Unmaps the memory; the second and later calls do nothing. Nobody may use the address any more. */
    @Override
    public void close() {
        if (open.compareAndSet(true, false)) {
            SyscallException.check(munmap(address, length), "munmap");
        }
    }

    private static long mmap(long length, int prot, int flags, int fd, long offset) {
        MemorySegment state = Native.state();
        try {
            return Native.result((long) MMAP.invokeExact(state, 0L, length, prot, flags, fd, offset), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }

    private static int munmap(long address, long length) {
        MemorySegment state = Native.state();
        try {
            return Native.result((int) MUNMAP.invokeExact(state, address, length), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }

    private static int madvise(long address, long length, int advice) {
        MemorySegment state = Native.state();
        try {
            return Native.result((int) MADVISE.invokeExact(state, address, length, advice), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }

    private static long sysconf(int name) {
        MemorySegment state = Native.state();
        try {
            return Native.result((long) SYSCONF.invokeExact(state, name), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }
}
