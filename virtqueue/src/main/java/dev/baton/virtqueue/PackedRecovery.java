package dev.baton.virtqueue;

import dev.baton.ffi.RawMemory;

/**
 * Finishes what the owner of a packed virtqueue was showing when it died.
 *
 * <p>Theory of operation. Used descriptors replace what they stand for, so the ring alone does not tell how far they
 * were written. Before the first store the owner says in a journal, that of its {@link QueueRecord} or of its
 * {@link InflightQueue}, from where to where they stand for chains and what the last store will be, that of the first
 * used descriptor. So either that one is in its place, and all is shown; or it is not, the driver has seen nothing, and
 * what was written behind it is found by walking: the used descriptor of a chain of several keeps its NEXT flag, which
 * drivers ignore there, and the rest of the chain is as it was.
 *
 * <p>The driver can change all this meanwhile. What comes of it is a place in its own ring.
 */
final class PackedRecovery {
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
            ? finish(from, to, kept.firstIsAll(), kept.first()) : from;
    }

    /**
     * Shows what was begun to be shown; returns the position after it.
     *
     * @param from where the used descriptors begin
     * @param to where they end, when all are written
     * @param firstIsAll whether one stands for all
     * @param first the one that is written last
     */
    int finish(int from, int to, boolean firstIsAll, long first) {
        if (isShown(from)) {
            return to;
        }
        int end = firstIsAll ? to : endOfWritten(from, to);
        RawMemory.putLongRelease(addressOfRest(from), first);
        return end;
    }

    /** Whether the used descriptor that belongs here is written; the driver may have made the place available anew. */
    boolean isShown(int from) {
        return !PackedChainWalker.inLap(restAt(from), PackedChainWalker.available(from));
    }

    /** Where the used descriptors end that were written between the two, the first one not among them. */
    private int endOfWritten(int from, int to) {
        int at = PackedPosition.advance(from, spanAt(from), size);
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
