package dev.baton.virtqueue;

import dev.baton.ffi.RawMemory;
import java.util.Random;

/** The raw rings of a split virtqueue. */
final class SplitRawRing extends RawRing {
    private int availIdx;

    SplitRawRing(VirtqueueLayout layout) {
        super(layout);
    }

    void descriptor(int i, long address, long length, int flags, int next) {
        put(layout().descriptorTable(), i, address, length, flags, next);
    }

    @Override
    void put(long hostTable, int i, long address, long length, int flags, int next) {
        long at = hostTable + 16L * i;
        RawMemory.putLong(at, address);
        RawMemory.putInt(at + 8, (int) length);
        RawMemory.putShort(at + 12, (short) flags);
        RawMemory.putShort(at + 14, (short) next);
    }

    void available(int... heads) {
        for (int head : heads) {
            long slot = layout().availableRing() + 4 + 2L * (availIdx & (layout().size() - 1));
            RawMemory.putShort(slot, (short) head);
            availIdx++;
        }
        availableIndex(availIdx);
    }

    void availableIndex(int index) {
        availIdx = index;
        RawMemory.putShortRelease(layout().availableRing() + 2, (short) index);
    }

    @Override
    void offer(Random random) {
        int head = random.nextInt(60) == 0 ? random.nextInt(65536) : random.nextInt(layout().size());
        RawMemory.putShort(layout().availableRing() + 4 + 2L * random.nextInt(layout().size()), (short) head);
    }

    @Override
    void present(Random random) {
        availableIndex(random.nextInt(100) == 0 ? random.nextInt(65536) : random.nextInt(layout().size() + 1));
    }

    int usedIndex() {
        return RawMemory.getShortAcquire(layout().usedRing() + 2) & 0xFFFF;
    }

    int usedHead(int i) {
        return RawMemory.getInt(layout().usedRing() + 4 + 8L * i);
    }

    int usedLength(int i) {
        return RawMemory.getInt(layout().usedRing() + 8 + 8L * i);
    }
}
