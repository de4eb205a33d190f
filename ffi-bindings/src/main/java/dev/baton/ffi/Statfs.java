package dev.baton.ffi;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.util.Set;

/** In which file system a file lies, see fstatfs(2). */
@CHeader(value = {"sys/vfs.h", "linux/magic.h"}, mayLack = "XFS_SUPER_MAGIC")
final class Statfs {
    static final long TMPFS_MAGIC = 0x01021994;
    static final long RAMFS_MAGIC = 0x858458f6L;
    static final long HUGETLBFS_MAGIC = 0x958458f6L;
    static final long EXT4_SUPER_MAGIC = 0xef53;
    static final long XFS_SUPER_MAGIC = 0x58465342;
    static final long BTRFS_SUPER_MAGIC = 0x9123683eL;

    static final StructLayout STATFS =
        MemoryLayout.structLayout(JAVA_LONG.withName("f_type"), MemoryLayout.paddingLayout(112)).withName("statfs");

    private static final long TYPE_OFFSET = STATFS.byteOffset(groupElement("f_type"));
    private static final Set<Long> LOCAL = Set.of(TMPFS_MAGIC, RAMFS_MAGIC, HUGETLBFS_MAGIC, EXT4_SUPER_MAGIC,
        XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC);
    private static final MethodHandle FSTATFS = Native.function("fstatfs", JAVA_INT, JAVA_INT, JAVA_LONG);

    private Statfs() {
    }

    static boolean isLocal(Fd fd) {
        return LOCAL.contains(type(fd));
    }

    private static long type(Fd fd) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment result = arena.allocate(STATFS);
            SyscallException.check(fd.use(file -> fstatfs(file, result.address())), "fstatfs");
            return result.get(JAVA_LONG, TYPE_OFFSET);
        }
    }

    private static int fstatfs(int fd, long result) {
        MemorySegment state = Native.state();
        try {
            return Native.result((int) FSTATFS.invokeExact(state, fd, result), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }
}
