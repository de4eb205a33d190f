package dev.baton.bench;

import dev.baton.ffi.RawMemory;
import dev.baton.virtqueue.VirtqueueLayout;

/**
 * Makes chains of a ring available over and over again, where a driver has put them once: a device that uses chains in
 * order finds the same ones in the same places for ever.
 */
sealed interface Offer {
    /** Makes so many more chains available. */
    void chains(int count);

    /** Takes back the chains of a ring, so many, which a driver has made available and no device has looked at. */
    static Offer of(VirtqueueLayout layout, int chains) {
        return switch (layout.format()) {
            case SPLIT -> new Split(layout, chains);
            case PACKED -> new Packed(layout, chains);
        };
    }

    /** One store of the available index. */
    final class Split implements Offer {
        private final long availIndex;
        private int availIdx;

        /** With chains of several descriptors there are fewer heads than slots: they come round again. */
        Split(VirtqueueLayout layout, int chains) {
            availIndex = layout.availableRing() + 2;
            RawMemory.putShort(availIndex, (short) 0);
            long slots = layout.availableRing() + 4;
            for (int i = chains; i < layout.size(); i++) {
                RawMemory.putShort(slots + 2L * i, RawMemory.getShort(slots + 2L * (i - chains)));
            }
        }

        @Override
        public void chains(int count) {
            availIdx = availIdx + count & 0xFFFF;
            RawMemory.putShortRelease(availIndex, (short) availIdx);
        }
    }

    /** One store a chain, of the half descriptor that the device has written over. */
    final class Packed implements Offer {
        private static final long AVAIL = 1L << 55;
        private static final long USED = 1L << 63;

        private final long ring;
        /** The second halves of the chains' first descriptors, without AVAIL and USED. */
        private final long[] rests;
        private final int span;
        private int next;
        private long lap = AVAIL;

        /** All chains have the same number of descriptors, and fill the ring. */
        Packed(VirtqueueLayout layout, int chains) {
            ring = layout.descriptorTable() + 8;
            rests = new long[chains];
            span = layout.size() / chains;
            for (int i = 0; i < chains; i++) {
                rests[i] = RawMemory.getLong(address(i)) & ~(AVAIL | USED);
                RawMemory.putLong(address(i), rests[i]);
            }
        }

        private long address(int chain) {
            return ring + (((long) chain * span) << 4);
        }

        @Override
        public void chains(int count) {
            for (int i = 0; i < count; i++) {
                RawMemory.putLongRelease(address(next), rests[next] | lap);
                if (++next == rests.length) {
                    next = 0;
                    lap ^= AVAIL | USED;
                }
            }
        }
    }
}
