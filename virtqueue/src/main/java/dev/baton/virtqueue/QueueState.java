package dev.baton.virtqueue;

import org.jspecify.annotations.Nullable;

/**
 * All that a split virtqueue's next owner must know, at a burst boundary; everything else is in the rings. A dumb
 * record: it may come from another process and is believed only by the virtqueue's constructor, which checks it.
 *
 * @param lastAvailIdx free-running 16-bit index of the next available-ring entry to look at
 * @param usedIdx free-running 16-bit index of the next used-ring entry to write
 * @param signalledUsed used index at the last notification decision, or {@link #UNSIGNALLED}
 * @param fault why the virtqueue does nothing more, or null
 */
public record QueueState(int lastAvailIdx, int usedIdx, int signalledUsed, @Nullable VirtqueueFault fault) {

    /** No decision is known: the next one is to notify, because the driver may wait for what was used before. */
    public static final int UNSIGNALLED = -1;

    /** The state of a virtqueue whose driver keeps the rules. */
    public QueueState(int lastAvailIdx, int usedIdx, int signalledUsed) {
        this(lastAvailIdx, usedIdx, signalledUsed, null);
    }

    /** A virtqueue that has not moved yet. */
    public static final QueueState FRESH = new QueueState(0, 0, UNSIGNALLED);

    /**
     * State from what vhost-user tells about a ring (SET_VRING_BASE) and what the ring itself says: the used index
     * stands in the used ring.
     */
    public static QueueState resume(int lastAvailIdx, VirtqueueLayout layout) {
        return new QueueState(lastAvailIdx, SplitVirtqueue.usedIndexInRing(layout), UNSIGNALLED);
    }

    /** The same place, and no fault: what a driver gets that starts its virtqueue again. */
    public QueueState restarted() {
        return new QueueState(lastAvailIdx, usedIdx, signalledUsed);
    }

    /**
     * Where the next owner goes on when this state's owner ended in the middle of a burst: at the used index that the
     * driver sees. As chains are used in order, all before it are done and none after it.
     */
    public QueueState recovered(VirtqueueLayout layout) {
        int used = SplitVirtqueue.usedIndexInRing(layout);
        return new QueueState(used, used, UNSIGNALLED, fault);
    }

    /** Checks the state against a queue size; see {@link SplitVirtqueue}. */
    void check(int size) {
        if ((lastAvailIdx | usedIdx) >>> 16 != 0) {
            throw new IllegalArgumentException(this + ": an index is not in 0..65535");
        }
        if (signalledUsed < UNSIGNALLED || signalledUsed > 0xFFFF) {
            throw new IllegalArgumentException(this + ": signalledUsed is not in -1..65535");
        }
        if ((lastAvailIdx - usedIdx & 0xFFFF) > size) {
            throw new IllegalArgumentException(
                this + ": more chains taken than the queue size " + size + " and not used");
        }
        if (signalledUsed != UNSIGNALLED && (usedIdx - signalledUsed & 0xFFFF) > size) {
            throw new IllegalArgumentException(
                this + ": signalledUsed is more than the queue size " + size + " behind");
        }
    }
}
