package dev.baton.virtqueue;

/**
 * A position in a packed descriptor ring, as 16 bits: the slot, and above it the wrap counter, which changes with every
 * lap and is 1 in the first (virtio 1.2, 2.8.1).
 *
 * <pre>
 *   | wrap:1 | slot:15 |
 * </pre>
 */
final class PackedPosition {
    static final int WRAP = 0x8000;

    private static final int SLOT_MASK = 0x7FFF;

    private PackedPosition() {
    }

    static int slot(int position) {
        return position & SLOT_MASK;
    }

    /** The position {@code slots} further on, at most a whole lap. */
    static int advance(int position, int slots, int size) {
        int slot = (position & SLOT_MASK) + slots;
        int wrap = position & WRAP;
        return slot < size ? wrap | slot : (wrap ^ WRAP) | (slot - size);
    }

    /** Slots from one position forward to another: 0 to two laps less one. */
    static int distance(int from, int to, int size) {
        int slots = (to & SLOT_MASK) - (from & SLOT_MASK);
        if (((from ^ to) & WRAP) != 0) {
            slots += size;
        }
        return slots < 0 ? slots + 2 * size : slots;
    }
}
