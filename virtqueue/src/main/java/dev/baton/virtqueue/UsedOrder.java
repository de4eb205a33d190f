package dev.baton.virtqueue;

/**
 * In which order a driver's chains come back. With IN_ORDER one used entry may stand for several chains: all that were
 * made available before the one it names and did not come back yet (virtio 1.2, 2.7.14 and 2.8.11).
 */
final class UsedOrder {
    private static final int NONE = -1;

    private final boolean inOrder;
    /** IDs in the order in which they were added; a ring. */
    private final int[] added;
    private int oldest;
    private int newest;
    private int last = NONE;
    private int lastBytes;
    private int bytes;

    UsedOrder(int size, boolean inOrder) {
        this.inOrder = inOrder;
        this.added = new int[inOrder ? size : 0];
    }

    void add(int id) {
        if (inOrder) {
            added[newest] = id;
            newest = newest + 1 == added.length ? 0 : newest + 1;
        }
    }

    /** A used entry names this chain, which is in flight. */
    void used(int id, int writtenBytes) {
        last = id;
        lastBytes = writtenBytes;
    }

    /** Whether chains are left of those that the last used entry stands for. */
    boolean hasNext() {
        return last != NONE;
    }

    /** The next of them. */
    int next() {
        int id = last;
        if (inOrder) {
            id = added[oldest];
            oldest = oldest + 1 == added.length ? 0 : oldest + 1;
        }
        bytes = id == last ? lastBytes : 0;
        last = id == last ? NONE : last;
        return id;
    }

    /** Bytes written to the chain that {@link #next} returned. */
    int bytes() {
        return bytes;
    }
}
