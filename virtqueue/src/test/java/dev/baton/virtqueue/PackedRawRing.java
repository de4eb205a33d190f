package dev.baton.virtqueue;

import dev.baton.ffi.RawMemory;
import java.util.Random;

/** The raw descriptor ring of a packed virtqueue. */
final class PackedRawRing extends RawRing {
    static final int AVAIL = 0x80;
    static final int USED = 0x8000;

    PackedRawRing(VirtqueueLayout layout) {
        super(layout);
    }

    /** A descriptor that is available in the first lap. */
    void available(int slot, long address, long length, int flags, int id) {
        put(layout().descriptorTable(), slot, address, length, flags | AVAIL, id);
    }

    @Override
    void put(long hostTable, int slot, long address, long length, int flags, int id) {
        long at = hostTable + 16L * slot;
        RawMemory.putLong(at, address);
        RawMemory.putLongRelease(at + 8, (length & 0xFFFFFFFFL) | (id & 0xFFFFL) << 32 | (flags & 0xFFFFL) << 48);
    }

    @Override
    void offer(Random random) {
        long flags = layout().descriptorTable() + 16L * random.nextInt(layout().size()) + 14;
        int lap = random.nextInt(60) == 0 ? random.nextInt(65536) : AVAIL;
        RawMemory.putShort(flags, (short) ((RawMemory.getShort(flags) & (NEXT | WRITE | INDIRECT)) | lap));
    }

    @Override
    void present(Random random) {
        int size = layout().size();
        int writable = random.nextBoolean() ? WRITE : 0;
        boolean endless = random.nextInt(100) == 0;
        for (int slot = 0; slot < size; slot++) {
            long rest = layout().descriptorTable() + 16L * slot + 8;
            int kind = RawMemory.getShort(rest + 6) & (NEXT | WRITE | INDIRECT);
            if (endless) {
                kind = NEXT | writable;
                RawMemory.putInt(rest, 0);
            }
            RawMemory.putShort(rest + 6, (short) (kind | AVAIL));
        }
    }

    /** Whether the slot holds a used descriptor of the first lap. */
    boolean used(int slot) {
        return (flags(slot) & (AVAIL | USED)) == (AVAIL | USED);
    }

    int flags(int slot) {
        return RawMemory.getShort(layout().descriptorTable() + 16L * slot + 14) & 0xFFFF;
    }

    int id(int slot) {
        return RawMemory.getShort(layout().descriptorTable() + 16L * slot + 12) & 0xFFFF;
    }

    int length(int slot) {
        return RawMemory.getInt(layout().descriptorTable() + 16L * slot + 8);
    }
}
