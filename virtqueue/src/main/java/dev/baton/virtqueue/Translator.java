package dev.baton.virtqueue;

/**
 * Guest addresses to segments: the guest's memory table with the region of the last hit in fields. One per
 * virtqueue, used by its thread alone.
 */
final class Translator {

    /** Result of {@link #append}: a byte of the range is outside guest memory. */
    static final int OUTSIDE = -1;
    /** Result of {@link #append}: no segment left under the limit. */
    static final int FULL = -2;

    private GuestMemory memory = GuestMemory.EMPTY;
    private long start;
    private long size;
    private long delta;

    /** Takes another table; the cached region is forgotten. */
    void memory(GuestMemory newMemory) {
        memory = newMemory;
        start = 0;
        size = 0;
        delta = 0;
    }

    /** First guest address of the cached region. */
    long start() {
        return start;
    }

    /** Bytes of the cached region, 0 for none. */
    long size() {
        return size;
    }

    /** What to add to a guest address in the cached region to get the host address. */
    long delta() {
        return delta;
    }

    /**
     * Appends the range as one segment, or as several when it runs on from region to region. An empty range appends
     * nothing.
     *
     * @return index after the last segment put, or a negative result
     */
    int append(ChainBurst into, int segment, int limit, long guestAddress, long length) {
        long offset = guestAddress - start;
        if (offset >= 0 && offset <= size - length && segment < limit && length != 0) {
            into.putSegment(segment, guestAddress + delta, length);
            return segment + 1;
        }
        return appendSlowly(into, segment, limit, guestAddress, length);
    }

    private int appendSlowly(ChainBurst into, int segment, int limit, long guestAddress, long length) {
        int next = segment;
        long address = guestAddress;
        long rest = length;
        while (rest > 0) {
            if (!look(address)) {
                return OUTSIDE;
            }
            if (next >= limit) {
                return FULL;
            }
            long here = Math.min(rest, size - (address - start));
            into.putSegment(next++, address + delta, here);
            address += here;
            rest -= here;
        }
        return next;
    }

    /** Host address of the whole range in one region, or 0. */
    long translate(long guestAddress, long length) {
        long offset = guestAddress - start;
        if (offset >= 0 && offset <= size - length) {
            return guestAddress + delta;
        }
        return look(guestAddress) && length <= size - (guestAddress - start) ? guestAddress + delta : 0;
    }

    private boolean look(long guestAddress) {
        int i = memory.indexOf(guestAddress);
        if (i < 0) {
            return false;
        }
        start = memory.start(i);
        size = memory.size(i);
        delta = memory.delta(i);
        return true;
    }
}
