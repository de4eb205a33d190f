package dev.baton.virtqueue;

import dev.baton.ffi.RawMemory;

/**
 * Finishes what the owner of a packed virtqueue was showing when it died.
 *
 * <p>Theory of operation. Used descriptors replace what they stand for, so the ring alone does not tell how far they
 * were written. Before the first store the owner says in a journal, that of its {@link QueueRecord} or of its
 * {@link InflightQueue}, from where to where they stand for chains, where the second of them is, and what the last
 * store will be, that of the first. So either that one is in its place, and all is shown; or it is not, the driver has
 * seen nothing, and what was written behind it is found by walking from the second on: the used descriptor of a chain
 * of several keeps its NEXT flag, which drivers ignore there, and the rest of the chain is as it was. With IN_ORDER the
 * first may stand for several chains, each other for one.
 *
 * <p>The driver can change all this meanwhile. What comes of it is a place in its own ring.
 */
final class PackedRecovery {
    /** One used descriptor is all. */
    static final int NO_SECOND = -1;

    private final long ring;
    private final int size;

    PackedRecovery(long ring, int size) {
        this.ring = ring;
        this.size = size;
    }

    /** Shows what was begun to be shown; returns the position after it, or where {@code last} stands. */
    int finish(QueueRecord kept, QueueState last) {
        int from = last.usedIdx();
        int to = kept.shownAt();
        return kept.showing(last) && PackedPosition.slot(to) < size
            ? finish(from, to, kept.secondSlot(), kept.first()) : from;
    }

    /**
     * Shows what was begun to be shown; returns the position after it.
     *
     * @param from where the used descriptors begin
     * @param to where they end, when all are written
     * @param second slot of the second of them, {@link #NO_SECOND} where one stands for all; not checked
     * @param first the one that is written last
     */
    int finish(int from, int to, int second, long first) {
        if (isShown(from)) {
            return to;
        }
        if (second >= size) {
            return from;
        }
        int end = second == NO_SECOND ? to : endOfWritten(behind(from, second), to);
        RawMemory.putLongRelease(addressOfRest(from), first);
        return end;
    }

    /** Whether the used descriptor that belongs here is written; the driver may have made the place available anew. */
    boolean isShown(int from) {
        return !PackedChainWalker.inLap(restAt(from), PackedChainWalker.available(from));
    }

    /** The position of this slot, at most a lap after another position. */
    private int behind(int from, int slot) {
        int way = slot - PackedPosition.slot(from);
        return PackedPosition.advance(from, way < 0 ? way + size : way, size);
    }

    /** Where the used descriptors end that were written one after the other between the two. */
    private int endOfWritten(int second, int to) {
        int at = second;
        int left = PackedPosition.distance(at, to, size);
        while (left > 0 && left <= size && PackedChainWalker.inLap(restAt(at), PackedChainWalker.used(at))) {
            int span = spanAt(at);
            at = PackedPosition.advance(at, span, size);
            left -= span;
        }
        return at;
    }

    private int spanAt(int position) {
        int span = 1;
        int at = position;
        while ((restAt(at) & PackedChainWalker.NEXT) != 0 && span < size) {
            at = PackedPosition.advance(at, 1, size);
            span++;
        }
        return span;
    }

    private long restAt(int position) {
        return RawMemory.getLongAcquire(addressOfRest(position));
    }

    private long addressOfRest(int position) {
        return ring + ((long) PackedPosition.slot(position) << 4) + 8;
    }
}
