package dev.baton.vhostuser;

import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.SyscallException;
import dev.baton.virtqueue.GuestMemory;
import dev.baton.virtqueue.MemoryRegion;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The mapped regions of one front end: an immutable table. A change makes a new table that shares the mappings of the
 * regions that stay; who replaces one table by another unmaps what the new one lacks, after the last agent has let go
 * of the old one.
 *
 * <p>A region is mapped from a multiple of its file's block size, because a file of huge pages can be mapped in no
 * other way, and only where its file is large enough: beyond the end of a file there is nothing but SIGBUS. A file of a
 * file system that somebody serves is not mapped at all: who serves it could keep an agent in a page fault for ever.
 */
final class MemoryTable {
    /** As many as QEMU's own library takes; more than any machine type has slots. */
    static final int MAX_REGIONS = 509;

    static final MemoryTable EMPTY = empty(0);

    private static final long LARGEST_PAGE = 1L << 30;

    private final List<Mapped> regions;
    private final GuestMemory memory;
    private final long limitBytes;

    private MemoryTable(List<Mapped> regions, GuestMemory memory, long limitBytes) {
        this.regions = regions;
        this.memory = memory;
        this.limitBytes = limitBytes;
    }

    /** A table without regions, which takes no more than so many bytes of them, see {@link BackendDevice}. */
    static MemoryTable empty(long limitBytes) {
        return new MemoryTable(List.of(), GuestMemory.EMPTY, limitBytes);
    }

    /** A region and what holds it. */
    private record Mapped(RegionDescription description, MemoryRegion region, Mapping mapping, Fd file) {
        /** Where the mapping begins in the file. */
        long fileStart() {
            return description.fileOffset() - (region.hostAddress() - mapping.address());
        }

        void release() {
            mapping.close();
            file.close();
        }
    }

    /** Maps a whole table with the limit of this one, or nothing; the descriptors stay the caller's. */
    MemoryTable map(List<RegionDescription> descriptions, List<Fd> files) throws ProtocolException {
        MemoryTable table = empty(limitBytes);
        try {
            for (int i = 0; i < descriptions.size(); i++) {
                table = table.with(descriptions.get(i), files.get(i));
            }
            return table;
        } catch (ProtocolException e) {
            table.unmapExcept(EMPTY);
            throw e;
        }
    }

    /** This table and one more region; the descriptor stays the caller's. */
    MemoryTable with(RegionDescription description, Fd file) throws ProtocolException {
        if (regions.size() == MAX_REGIONS) {
            throw refused(description, "there are " + MAX_REGIONS + " regions already", null);
        }
        Mapped added = map(description, file);
        List<Mapped> all = new ArrayList<>(regions);
        all.add(added);
        try {
            checkBytes(description, added.mapping.length());
            return new MemoryTable(List.copyOf(all), GuestMemory.of(all.stream().map(Mapped::region).toList()),
                limitBytes);
        } catch (IllegalArgumentException e) {
            added.release();
            throw refused(description, e.getMessage(), e);
        } catch (ProtocolException e) {
            added.release();
            throw e;
        }
    }

    private void checkBytes(RegionDescription added, long bytes) throws ProtocolException {
        long left = limitBytes - regions.stream().mapToLong(mapped -> mapped.mapping.length()).sum();
        if (bytes > left) {
            throw new ProtocolException(ErrorKind.TOO_MUCH_MEMORY, added
                + ": this port maps at most 0x" + Long.toHexString(limitBytes) + " bytes, 0x" + Long.toHexString(left)
                + " are left");
        }
    }

    /** This table less one region. */
    MemoryTable without(RegionDescription description) throws ProtocolException {
        List<Mapped> rest = regions.stream().filter(mapped -> !mapped.description.names(description)).toList();
        if (rest.size() == regions.size()) {
            throw refused(description, "is not in the memory table", null);
        }
        return new MemoryTable(rest, GuestMemory.of(rest.stream().map(Mapped::region).toList()), limitBytes);
    }

    /** Whether exactly this region is there already. */
    boolean contains(RegionDescription description) {
        return regions.stream().anyMatch(mapped -> mapped.description.equals(description));
    }

    GuestMemory memory() {
        return memory;
    }

    /** Every region and its file, which the table still owns. */
    List<RegionState> states() {
        return regions.stream().map(mapped -> mapped.description.with(mapped.file)).toList();
    }

    /** Fills the page tables of what has pages; see {@link Population}. */
    void populate() {
        regions.forEach(mapped -> Population.populate(mapped.file, mapped.mapping, mapped.fileStart()));
    }

    boolean isEmpty() {
        return regions.isEmpty();
    }

    /** Unmaps what the other table does not share with this one. */
    void unmapExcept(MemoryTable kept) {
        for (Mapped mapped : regions) {
            if (!kept.regions.contains(mapped)) {
                mapped.release();
            }
        }
    }

    private static Mapped map(RegionDescription description, Fd file) throws ProtocolException {
        try {
            checkFile(description, file);
            long block = blockBytes(file);
            long start = description.fileOffset() & -block;
            long slack = description.fileOffset() - start;
            long length = slack + description.sizeBytes() + block - 1 & -block;
            Mapping mapping = Mapping.map(file, start, length, Mapping.PROT_READ | Mapping.PROT_WRITE,
                Mapping.MAP_SHARED | Mapping.MAP_NORESERVE);
            try {
                return new Mapped(description, new MemoryRegion(description.guestAddress(), description.sizeBytes(),
                    description.userAddress(), mapping.address() + slack), mapping, file.duplicate());
            } catch (SyscallException e) {
                mapping.close();
                throw e;
            } catch (IllegalArgumentException e) {
                mapping.close();
                throw refused(description, e.getMessage(), e);
            }
        } catch (SyscallException e) {
            throw new ProtocolException(ErrorKind.unmapped(e), description + ": " + e.getMessage(), e);
        }
    }

    private static void checkFile(RegionDescription description, Fd file) throws ProtocolException {
        if (!FileIo.isRegularFile(file)) {
            throw refused(description, "its descriptor is no file", null);
        }
        if (!FileIo.isLocal(file)) {
            throw refused(description, "its file lies neither in memory nor on a disk of this machine", null);
        }
        long fileBytes = FileIo.size(file);
        long offset = description.fileOffset();
        if (description.sizeBytes() <= 0) {
            throw refused(description, "its size is not positive", null);
        }
        if (offset < 0 || description.sizeBytes() > fileBytes - offset) {
            throw refused(description, "its file of 0x" + Long.toHexString(fileBytes)
                + " bytes is too small for offset 0x" + Long.toHexString(offset), null);
        }
    }

    private static long blockBytes(Fd file) {
        long block = FileIo.blockSize(file);
        boolean usable = Long.bitCount(block) == 1 && block <= LARGEST_PAGE;
        return usable ? Math.max(block, Mapping.pageSize()) : Mapping.pageSize();
    }

    private static ProtocolException refused(RegionDescription region, @Nullable String why, @Nullable Throwable e) {
        return new ProtocolException(ErrorKind.MEMORY_REFUSED, region + ": " + why, e);
    }
}
