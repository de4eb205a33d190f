package dev.baton.virtqueue;

import java.util.Random;

/** A driver that writes whatever it likes into its rings. */
abstract sealed class RawRing permits SplitRawRing, PackedRawRing {
    static final int NEXT = 1;
    static final int WRITE = 2;
    static final int INDIRECT = 4;

    private final VirtqueueLayout layout;

    RawRing(VirtqueueLayout layout) {
        this.layout = layout;
    }

    static RawRing of(VirtqueueLayout layout) {
        return layout.format() == RingFormat.SPLIT ? new SplitRawRing(layout) : new PackedRawRing(layout);
    }

    final VirtqueueLayout layout() {
        return layout;
    }

    /** Writes descriptor {@code i} of any table; {@code link} is its {@code next} or its ID. */
    abstract void put(long hostTable, int i, long address, long length, int flags, int link);

    /** Writes one random word or two by which this format makes descriptors available, most often a sound one. */
    abstract void offer(Random random);

    /** Makes a new device find something to look at, now and then what makes no sense. */
    abstract void present(Random random);
}
