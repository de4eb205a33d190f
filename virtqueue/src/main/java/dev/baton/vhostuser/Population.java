package dev.baton.vhostuser;

import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.SyscallException;
import java.util.ArrayList;
import java.util.List;

/**
 * Fills the page tables of a fresh mapping of memory that a guest has used for a while.
 *
 * <p><b>Theory of operation.</b> A mapping begins with empty page tables, and the first access to each page costs a
 * fault. A process that continues a running back end pays that beforehand, and only for pages that are there: the file
 * tells where it has data, and those parts alone are populated. A page that nobody touched is a hole; touching it would
 * take memory from the machine that the guest never asked for.
 *
 * <pre>
 *   file      ....DDDDDD......DD.......DDDDDDDDD....    D: data, .: hole
 *   mapping     |------------------------------|        what of D lies in it is populated
 * </pre>
 *
 * <p>A file system that does not keep account of holes (huge pages) says that all is data; it is found out by the
 * storage that the file really has, and left alone unless that is all. The holes are looked for through an open file
 * description of our own, because looking moves the file position, and the front end's is not ours to move.
 *
 * <p>All of it only saves time later: whatever fails leaves the rest to the faults.
 */
final class Population {
    /** A guest decides how its pages are scattered; it does not decide how long we look for them. */
    private static final int MAX_EXTENTS = 1 << 16;

    private Population() {
    }

    /** A part of the file, in bytes. */
    private record Extent(long start, long end) {
    }

    /**
     * Populates what has pages.
     *
     * @param file the mapped file
     * @param mapping shared and writable
     * @param fileStart where the mapping begins in the file, a multiple of the page size
     */
    static void populate(Fd file, Mapping mapping, long fileStart) {
        try (Fd own = FileIo.open("/proc/self/fd/" + file.value(), FileIo.O_RDONLY, 0)) {
            List<Extent> extents = extents(own);
            long data = extents.stream().mapToLong(extent -> extent.end - extent.start).sum();
            if (data <= FileIo.allocatedBytes(own)) {
                for (Extent extent : extents) {
                    populate(mapping, extent.start - fileStart, extent.end - fileStart);
                }
            }
        } catch (SyscallException notThisTime) {
            // The kernel is too old, the file system cannot tell, or the file is not ours to open.
        }
    }

    private static List<Extent> extents(Fd file) {
        List<Extent> extents = new ArrayList<>();
        long start = FileIo.seekData(file, 0);
        while (start >= 0 && extents.size() < MAX_EXTENTS) {
            long end = FileIo.seekHole(file, start);
            if (end <= start) {
                break;
            }
            extents.add(new Extent(start, end));
            start = FileIo.seekData(file, end);
        }
        return extents;
    }

    private static void populate(Mapping mapping, long start, long end) {
        long page = Mapping.pageSize();
        long from = Math.max(0, start & -page);
        long to = Math.min(mapping.length(), end + page - 1 & -page);
        if (from < to) {
            mapping.advise(from, to - from, Mapping.MADV_POPULATE_WRITE);
        }
    }
}
