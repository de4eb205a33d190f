package dev.baton.ffi;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;

/** statx(2) of an open descriptor: unlike {@code struct stat}, its struct is the same on every architecture. */
@CHeader({"fcntl.h", "sys/stat.h"})
final class Statx {
    static final int AT_EMPTY_PATH = 0x1000;
    static final int STATX_TYPE = 0x1;
    static final int STATX_INO = 0x100;
    static final int STATX_SIZE = 0x200;
    static final int STATX_BLOCKS = 0x400;
    static final int S_IFMT = 0xf000;
    static final int S_IFSOCK = 0xc000;
    static final int S_IFREG = 0x8000;

    static final StructLayout STATX = MemoryLayout.structLayout(
        JAVA_INT.withName("stx_mask"),
        JAVA_INT.withName("stx_blksize"),
        JAVA_LONG.withName("stx_attributes"),
        JAVA_INT.withName("stx_nlink"),
        JAVA_INT.withName("stx_uid"),
        JAVA_INT.withName("stx_gid"),
        JAVA_SHORT.withName("stx_mode"),
        MemoryLayout.paddingLayout(2),
        JAVA_LONG.withName("stx_ino"),
        JAVA_LONG.withName("stx_size"),
        JAVA_LONG.withName("stx_blocks"),
        MemoryLayout.paddingLayout(80),
        JAVA_INT.withName("stx_dev_major"),
        JAVA_INT.withName("stx_dev_minor"),
        MemoryLayout.paddingLayout(112)).withName("statx");

    /** What {@code stx_blocks} counts, whatever the file's block size is. */
    private static final int BLOCK_BYTES = 512;
    private static final long MODE_OFFSET = STATX.byteOffset(groupElement("stx_mode"));
    private static final long INODE_OFFSET = STATX.byteOffset(groupElement("stx_ino"));
    private static final long MAJOR_OFFSET = STATX.byteOffset(groupElement("stx_dev_major"));
    private static final long MINOR_OFFSET = STATX.byteOffset(groupElement("stx_dev_minor"));
    private static final MethodHandle STATX_CALL =
        Native.function("statx", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_LONG);

    private Statx() {
    }

    static boolean isType(Fd fd, int type) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment result = statx(arena, fd, STATX_TYPE);
            return (result.get(JAVA_SHORT, MODE_OFFSET) & S_IFMT) == type;
        }
    }

    /** Whether two descriptors are of one file, which a number names within its device. */
    static boolean isSameFile(Fd a, Fd b) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment one = statx(arena, a, STATX_INO);
            MemorySegment other = statx(arena, b, STATX_INO);
            return one.get(JAVA_LONG, INODE_OFFSET) == other.get(JAVA_LONG, INODE_OFFSET)
                && one.get(JAVA_INT, MAJOR_OFFSET) == other.get(JAVA_INT, MAJOR_OFFSET)
                && one.get(JAVA_INT, MINOR_OFFSET) == other.get(JAVA_INT, MINOR_OFFSET);
        }
    }

    static long size(Fd fd) {
        try (Arena arena = Arena.ofConfined()) {
            return statx(arena, fd, STATX_SIZE).get(JAVA_LONG, STATX.byteOffset(groupElement("stx_size")));
        }
    }

    static long allocatedBytes(Fd fd) {
        try (Arena arena = Arena.ofConfined()) {
            return BLOCK_BYTES
                * statx(arena, fd, STATX_BLOCKS).get(JAVA_LONG, STATX.byteOffset(groupElement("stx_blocks")));
        }
    }

    static long blockSize(Fd fd) {
        try (Arena arena = Arena.ofConfined()) {
            // Always filled in, whatever is asked for.
            return Integer.toUnsignedLong(
                statx(arena, fd, 0).get(JAVA_INT, STATX.byteOffset(groupElement("stx_blksize"))));
        }
    }

    private static MemorySegment statx(Arena arena, Fd fd, int mask) {
        MemorySegment result = arena.allocate(STATX);
        long path = arena.allocateFrom("").address();
        SyscallException.check(fd.use(file -> statx(file, path, AT_EMPTY_PATH, mask, result.address())), "statx");
        return result;
    }

    private static int statx(int fd, long path, int flags, int mask, long result) {
        MemorySegment state = Native.state();
        try {
            return Native.result((int) STATX_CALL.invokeExact(state, fd, path, flags, mask, result), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }
}
