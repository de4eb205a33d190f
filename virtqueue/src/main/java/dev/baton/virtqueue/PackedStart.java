package dev.baton.virtqueue;

import dev.baton.ffi.RawMemory;

/**
 * Where a packed virtqueue starts, when the front end may not know: its back end died and told it nothing, and it says
 * what was true when the ring was last started.
 *
 * <p>Theory of operation. A driver writes all slots of the ring in each lap, and the flags of a slot tell the lap in
 * which it was made available, or used (virtio 1.2, 2.8.1). A driver never changes USED where it writes the next lap
 * over a used descriptor: only devices do. So where each chain has one descriptor, as with INDIRECT_DESC, USED says of
 * each slot whether the device has been there in a lap, and the device stands in the one place where that turns:
 *
 * <pre>
 *   slot    0   1   2   3   4   5
 *   USED    w   w   w  !w  !w  !w      the device stands at slot 3 in lap w
 * </pre>
 *
 * <p>Chains of several descriptors leave slots behind that were never used, only their head was. So the front end is
 * believed as long as its position can be right, whatever else the ring says: nothing was used from there on, and what
 * was made available before it and never used is the rest of a chain. All but the last of that have NEXT, and the last
 * has the ID of the head, where the head is still there.
 *
 * <p>A rest of one descriptor can be a chain of its own as well, that was never used. With INDIRECT_DESC, where drivers
 * have no reason for longer chains, it is taken for a rest only where something shows it: the head has NEXT, which
 * Baton leaves there and other devices clear; or the head is available again, the ring is full but for this one slot,
 * and the ID in it is in flight elsewhere.
 *
 * <p>Where the position cannot be right, and USED turns once, the device goes on there. USED turns three times, and
 * there are chains that were jumped over, when a device was killed while it showed a burst, whose first used descriptor
 * is written last ({@link PackedVirtqueue}); or when QEMU, without a back end, dropped what the guest sent, from the
 * position on that was old then already:
 *
 * <pre>
 *   used | available: jumped over | used | the device goes on here: available, or free
 * </pre>
 *
 * <p>These are shown as used. What the guest sent in them is lost, as with all that QEMU drops; what the guest was to
 * receive lies in the first buffer since before the burst was shown, but its length is not known: the buffer's own
 * makes the frame longer, by padding. With anything else in the ring, the front end is believed.
 *
 * <p>Not for a ring with IN_ORDER, where one used descriptor stands for many. The driver can write to the ring
 * meanwhile; every slot is a place in its own ring, so that a driver that lies gets what it asked for.
 */
final class PackedStart {
    private static final long LENGTH_BITS = 0xFFFFFFFFL;
    private static final long ID_BITS = 0xFFFFL << PackedChainWalker.ID_SHIFT;

    private final long ring;
    private final int size;
    private final boolean indirect;

    PackedStart(VirtqueueLayout layout, long features) {
        this.ring = layout.descriptorTable();
        this.size = layout.size();
        this.indirect = (features & Features.INDIRECT_DESC) != 0;
    }

    /** Where the device goes on, whom the front end places at {@code given}, a position in this ring. */
    int position(int given) {
        if (canBeRight(given)) {
            return given;
        }
        int[] turns = new int[3];
        int count = turns(given, turns);
        if (count == 1) {
            return turns[0];
        }
        if (count == turns.length) {
            for (int turn : turns) {
                if (closeGap(turn, turn == given ? size : 1)) {
                    return turn;
                }
            }
        }
        return given;
    }

    /** Whether a device that uses chains in order can stand here. */
    private boolean canBeRight(int given) {
        int ahead = 0;
        int front = 0;
        int run = 0;
        boolean anyUsed = false;
        boolean oneInTheMaking = true;
        long head = 0;
        long last = 0;
        for (int k = 0; k < size; k++) {
            int position = PackedPosition.advance(given, k, size);
            long rest = restAt(position);
            boolean used = isUsed(rest);
            if (isAhead(rest, position)) {
                if (run > 0 && run < k && !canEnd(head, last, run)) {
                    return false;
                }
                ahead++;
                run = 0;
                head = rest;
                anyUsed |= used;
                oneInTheMaking &= k == size - 1 || hasNext(rest);
            } else {
                if (used || (run > 0 && !hasNext(last))) {
                    return false;
                }
                front += front == k ? 1 : 0;
                run++;
                last = rest;
            }
        }
        if (!anyUsed && front > 0) {
            // A full ring, and what stands next is none of it; or the driver writes the head of that chain last.
            return front == 1 && size > 1 && oneInTheMaking;
        }
        if (!anyUsed && indirect && run == 1 && ahead == size - 1) {
            // A full ring; or all is available but the end of a chain whose ID is in flight again.
            return isInFlight(given, id(last));
        }
        return run == 0 || canEnd(head, last, run);
    }

    /** Whether a chain with this head, which may be gone, can end with this descriptor, so many behind it. */
    private boolean canEnd(long head, long last, int behind) {
        return !isUsed(head) || (id(head) == id(last) && (behind > 1 || !indirect || hasNext(head)));
    }

    private boolean isInFlight(int given, int id) {
        for (int k = 0; k < size - 1; k++) {
            if (id(restAt(PackedPosition.advance(given, k, size))) == id) {
                return true;
            }
        }
        return false;
    }

    /** Notes up to as many positions as there is room for in which USED turns; returns how many there are. */
    private int turns(int given, int[] positions) {
        int count = 0;
        boolean before = !isAhead(given, size - 1);
        for (int k = 0; k < size; k++) {
            boolean ahead = isAhead(given, k);
            if (ahead != before) {
                if (count < positions.length) {
                    int position = PackedPosition.advance(given, k, size);
                    positions[count] = ahead ? position : position ^ PackedPosition.WRAP;
                }
                count++;
            }
            before = ahead;
        }
        return count;
    }

    /**
     * Shows as used what was jumped over before this position: not more than so many chains of one descriptor, and
     * behind them used ones only. False when that is not what the ring looks like.
     */
    private boolean closeGap(int position, int most) {
        int gapEnd = size;
        while (gapEnd > 0 && isAhead(position, gapEnd - 1)) {
            gapEnd--;
            if (!isUsed(restAt(PackedPosition.advance(position, gapEnd, size)))) {
                return false;
            }
        }
        int gap = gapEnd;
        while (gap > 0 && !isAhead(position, gap - 1)) {
            gap--;
            long rest = restAt(PackedPosition.advance(position, gap, size));
            if (isUsed(rest) || hasNext(rest)) {
                return false;
            }
        }
        if (gap == gapEnd || gapEnd - gap > most) {
            return false;
        }
        // The first one last, for which the driver waits.
        for (int k = gapEnd - 1; k >= gap; k--) {
            show(PackedPosition.advance(position, k, size) ^ PackedPosition.WRAP);
        }
        return true;
    }

    private void show(int position) {
        long rest = restAt(position);
        long kept = ID_BITS | ((rest & PackedChainWalker.WRITE) != 0 ? PackedChainWalker.WRITE | LENGTH_BITS : 0);
        RawMemory.putLongRelease(addressOfRest(position), (rest & kept) | PackedChainWalker.used(position));
    }

    /** Whether the slot {@code k} after a position says that the device has not been at that place yet. */
    private boolean isAhead(int position, int k) {
        int at = PackedPosition.advance(position, k, size);
        return isAhead(restAt(at), at);
    }

    private static boolean isAhead(long rest, int position) {
        return (rest & PackedChainWalker.USED) != (PackedChainWalker.used(position) & PackedChainWalker.USED);
    }

    /** Used, or never made available. */
    private static boolean isUsed(long rest) {
        long lap = rest & (PackedChainWalker.AVAIL | PackedChainWalker.USED);
        return lap == 0 || lap == (PackedChainWalker.AVAIL | PackedChainWalker.USED);
    }

    private static boolean hasNext(long rest) {
        return (rest & PackedChainWalker.NEXT) != 0;
    }

    private static int id(long rest) {
        return (int) (rest >>> PackedChainWalker.ID_SHIFT) & 0xFFFF;
    }

    private long restAt(int position) {
        return RawMemory.getLongAcquire(addressOfRest(position));
    }

    private long addressOfRest(int position) {
        return ring + ((long) PackedPosition.slot(position) << 4) + 8;
    }
}
