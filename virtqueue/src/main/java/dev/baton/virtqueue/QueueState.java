package dev.baton.virtqueue;

import org.jspecify.annotations.Nullable;

/**
 * All that a virtqueue's next owner must know, at a burst boundary; everything else is in the rings. A dumb record: it
 * may come from another process and is believed only by the virtqueue's constructor, which checks it.
 *
 * <p>Each position has 16 bits. In a split virtqueue it is a free-running index; in a packed one the low 15 bits are
 * the place in the descriptor ring and the highest is the wrap counter, as in vhost-user (virtio 1.2, 2.8.1).
 *
 * @param lastAvailIdx position of the next chain to look at
 * @param usedIdx position of the next chain to use
 * @param signalledUsed {@code usedIdx} at the last notification decision, or {@link #UNSIGNALLED}
 * @param fault why the virtqueue does nothing more, or null
 */
public record QueueState(int lastAvailIdx, int usedIdx, int signalledUsed, @Nullable VirtqueueFault fault) {

    /** No decision is known: the next one is to notify, because the driver may wait for what was used before. */
    public static final int UNSIGNALLED = -1;

    private static final int POSITION_MASK = 0xFFFF;
    private static final int PACKED_START = 0x8000;

    /** The state of a virtqueue whose driver keeps the rules. */
    public QueueState(int lastAvailIdx, int usedIdx, int signalledUsed) {
        this(lastAvailIdx, usedIdx, signalledUsed, null);
    }

    /** A virtqueue that has not moved yet. */
    public static QueueState fresh(RingFormat format) {
        int start = freshPosition(format);
        return new QueueState(start, start, UNSIGNALLED);
    }

    /** The position at which a virtqueue begins: 0, and in a packed one the wrap counter is 1. */
    public static int freshPosition(RingFormat format) {
        return format == RingFormat.PACKED ? PACKED_START : 0;
    }

    /**
     * Where a virtqueue goes on that stands at {@code base}. Baton uses chains in order, so that one position says all.
     * A split one stands in the used ring: what an earlier back end took and never used is taken again. Of a packed one
     * it is told, in the low half of the base: front ends fill the upper one with the used position or with 0.
     */
    public static QueueState at(int base, VirtqueueLayout layout) {
        return standing(layout.format() == RingFormat.PACKED ? base & POSITION_MASK
            : SplitVirtqueue.usedIndexInRing(layout));
    }

    /**
     * Where a virtqueue starts that a front end places at {@code base} (vhost-user, SET_VRING_BASE), a position in its
     * ring. A packed one's ring may show that the front end's knowledge is old, and where the virtqueue stands by now.
     * Nobody else runs the virtqueue: what an earlier back end was showing when it died may be finished.
     *
     * @param layout of a virtqueue that lies in guest memory
     * @param features acked by the driver
     */
    public static QueueState start(int base, VirtqueueLayout layout, long features) {
        if (layout.format() == RingFormat.PACKED && (features & Features.IN_ORDER) == 0) {
            return standing(new PackedStart(layout, features).position(base & POSITION_MASK));
        }
        return at(base, layout);
    }

    private static QueueState standing(int position) {
        return new QueueState(position, position, UNSIGNALLED);
    }

    /**
     * Checks what a front end, or another owner, says of a base.
     *
     * @throws IllegalArgumentException when a virtqueue of this format and size cannot stand there
     */
    public static void checkBase(int base, RingFormat format, int size) {
        if (format == RingFormat.SPLIT && base >>> 16 != 0) {
            throw new IllegalArgumentException("base " + Integer.toUnsignedString(base) + " is no 16-bit index");
        }
        if (format == RingFormat.PACKED && PackedPosition.slot(base) >= size) {
            throw new IllegalArgumentException("base 0x" + Integer.toHexString(base) + " is outside a ring of " + size);
        }
    }

    /** What a front end is told when the virtqueue stops here (vhost-user, GET_VRING_BASE). */
    public int base(RingFormat format) {
        return format == RingFormat.PACKED ? lastAvailIdx | usedIdx << 16 : lastAvailIdx;
    }

    /** The same place, and no fault: what a driver gets that starts its virtqueue again. */
    public QueueState restarted() {
        return new QueueState(lastAvailIdx, usedIdx, signalledUsed);
    }

    /** Checks the state against a virtqueue; see {@link Virtqueue#of}. */
    void check(RingFormat format, int size) {
        if ((lastAvailIdx | usedIdx) >>> 16 != 0) {
            throw new IllegalArgumentException(this + ": a position is not in 0..65535");
        }
        if (signalledUsed < UNSIGNALLED || signalledUsed > POSITION_MASK) {
            throw new IllegalArgumentException(this + ": signalledUsed is not in -1..65535");
        }
        if (format == RingFormat.PACKED) {
            checkPacked(size);
        } else {
            checkSplit(size);
        }
    }

    private void checkSplit(int size) {
        if ((lastAvailIdx - usedIdx & POSITION_MASK) > size) {
            throw new IllegalArgumentException(
                this + ": more chains taken than the queue size " + size + " and not used");
        }
        if (signalledUsed != UNSIGNALLED && (usedIdx - signalledUsed & POSITION_MASK) > size) {
            throw behind(size);
        }
    }

    private void checkPacked(int size) {
        if (lastAvailIdx != usedIdx) {
            throw new IllegalArgumentException(this + ": chains of a packed virtqueue taken and not used");
        }
        int farthest = Math.max(PackedPosition.slot(usedIdx), signalledUsed == UNSIGNALLED ? 0
            : PackedPosition.slot(signalledUsed));
        if (farthest >= size) {
            throw new IllegalArgumentException(this + ": slot " + farthest + " is outside a ring of " + size);
        }
        if (signalledUsed != UNSIGNALLED && PackedPosition.distance(signalledUsed, usedIdx, size) > size) {
            throw behind(size);
        }
    }

    private IllegalArgumentException behind(int size) {
        return new IllegalArgumentException(this + ": signalledUsed is more than the queue size " + size + " behind");
    }
}
