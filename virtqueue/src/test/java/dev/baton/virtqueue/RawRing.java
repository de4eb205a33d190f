package dev.baton.virtqueue;

import dev.baton.ffi.RawMemory;

/** A driver that writes whatever it likes into the rings. */
final class RawRing {
    static final int NEXT = 1;
    static final int WRITE = 2;
    static final int INDIRECT = 4;

    private final VirtqueueLayout layout;
    private int availIdx;

    RawRing(VirtqueueLayout layout) {
        this.layout = layout;
    }

    VirtqueueLayout layout() {
        return layout;
    }

    void descriptor(int i, long address, long length, int flags, int next) {
        put(layout.descriptorTable(), i, address, length, flags, next);
    }

    /** Writes descriptor {@code i} of any table. */
    static void put(long hostTable, int i, long address, long length, int flags, int next) {
        long at = hostTable + 16L * i;
        RawMemory.putLong(at, address);
        RawMemory.putInt(at + 8, (int) length);
        RawMemory.putShort(at + 12, (short) flags);
        RawMemory.putShort(at + 14, (short) next);
    }

    void available(int... heads) {
        for (int head : heads) {
            long slot = layout.availableRing() + 4 + 2L * (availIdx & (layout.size() - 1));
            RawMemory.putShort(slot, (short) head);
            availIdx++;
        }
        availableIndex(availIdx);
    }

    void availableIndex(int index) {
        availIdx = index;
        RawMemory.putShortRelease(layout.availableRing() + 2, (short) index);
    }

    int usedIndex() {
        return RawMemory.getShortAcquire(layout.usedRing() + 2) & 0xFFFF;
    }

    int usedHead(int i) {
        return RawMemory.getInt(layout.usedRing() + 4 + 8L * i);
    }

    int usedLength(int i) {
        return RawMemory.getInt(layout.usedRing() + 8 + 8L * i);
    }
}
