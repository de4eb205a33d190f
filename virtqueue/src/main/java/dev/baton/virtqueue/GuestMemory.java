package dev.baton.virtqueue;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * The memory table of one guest: an immutable set of regions, and the only way from a guest address to a raw one.
 *
 * <p>Theory of operation. A table is replaced whole: the conductor makes a new one, every virtqueue takes it up at a
 * quiescent point ({@link Virtqueue#memory}), and only then may the old regions be unmapped. A translation covers
 * the <em>whole</em> range {@code [address, address + length)} or fails; no sum in it can overflow, because regions
 * are confined to 63 bits and only differences are compared. Virtqueues keep the region of their last hit in fields
 * and come here only when that one does not hold ({@link #indexOf}).
 */
public final class GuestMemory {

    /** No memory at all: every translation fails. */
    public static final GuestMemory EMPTY = new GuestMemory(List.of());

    private final List<MemoryRegion> regions;
    private final long[] starts;
    private final long[] sizes;
    private final long[] hosts;

    private GuestMemory(List<MemoryRegion> sorted) {
        regions = sorted;
        starts = sorted.stream().mapToLong(MemoryRegion::guestAddress).toArray();
        sizes = sorted.stream().mapToLong(MemoryRegion::sizeBytes).toArray();
        hosts = sorted.stream().mapToLong(MemoryRegion::hostAddress).toArray();
    }

    /**
     * Makes a table. Regions may touch but not overlap in guest addresses; their order does not matter.
     *
     * @throws IllegalArgumentException naming two regions that overlap
     */
    public static GuestMemory of(List<MemoryRegion> regions) {
        List<MemoryRegion> sorted =
            regions.stream().sorted(Comparator.comparingLong(MemoryRegion::guestAddress)).toList();
        for (int i = 1; i < sorted.size(); i++) {
            if (sorted.get(i).guestAddress() < sorted.get(i - 1).guestEnd()) {
                throw new IllegalArgumentException(
                    "memory regions overlap: " + sorted.get(i - 1) + " and " + sorted.get(i));
            }
        }
        return sorted.isEmpty() ? EMPTY : new GuestMemory(sorted);
    }

    /** The regions in the order of their guest addresses. */
    public List<MemoryRegion> regions() {
        return regions;
    }

    /**
     * Host address of a range of guest physical memory that lies in one region.
     *
     * @return the host address of its first byte, or 0 when the range is empty or not wholly inside a region
     */
    public long translate(long guestAddress, long length) {
        int i = indexOf(guestAddress);
        if (i < 0 || length <= 0) {
            return 0;
        }
        long offset = guestAddress - starts[i];
        return length <= sizes[i] - offset ? hosts[i] + offset : 0;
    }

    /**
     * Host address of a range given by front-end user address, as vhost-user does for ring parts.
     *
     * @return the host address of its first byte, or 0 when the range is empty or not wholly inside a region
     */
    public long translateUser(long userAddress, long length) {
        if (length <= 0) {
            return 0;
        }
        for (MemoryRegion region : regions) {
            long offset = userAddress - region.userAddress();
            if (offset >= 0 && offset <= region.sizeBytes() - length) {
                return region.hostAddress() + offset;
            }
        }
        return 0;
    }

    /** Guest physical address of a byte of this memory, given by its host address; -1 when it is in no region. */
    public long guestAddress(long hostAddress) {
        for (int i = 0; i < hosts.length; i++) {
            long offset = hostAddress - hosts[i];
            if (offset >= 0 && offset < sizes[i]) {
                return starts[i] + offset;
            }
        }
        return -1;
    }

    /** Index of the region that holds this guest address, or a negative number. */
    int indexOf(long guestAddress) {
        int at = Arrays.binarySearch(starts, guestAddress);
        int i = at >= 0 ? at : -at - 2;
        return i >= 0 && guestAddress - starts[i] < sizes[i] ? i : -1;
    }

    long start(int i) {
        return starts[i];
    }

    long size(int i) {
        return sizes[i];
    }

    /** What to add to a guest address of region {@code i} to get the host address. */
    long delta(int i) {
        return hosts[i] - starts[i];
    }

    @Override
    public String toString() {
        return "GuestMemory" + regions;
    }
}
