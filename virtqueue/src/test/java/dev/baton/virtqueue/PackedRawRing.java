package dev.baton.virtqueue;

import dev.baton.ffi.RawMemory;

/** A driver that writes whatever it likes into a packed descriptor ring. */
final class PackedRawRing {
    static final int NEXT = 1;
    static final int WRITE = 2;
    static final int INDIRECT = 4;
    static final int AVAIL = 0x80;
    static final int USED = 0x8000;

    private final VirtqueueLayout layout;

    PackedRawRing(VirtqueueLayout layout) {
        this.layout = layout;
    }

    VirtqueueLayout layout() {
        return layout;
    }

    /** A descriptor that is available in the first lap. */
    void available(int slot, long address, long length, int flags, int id) {
        put(layout.descriptorTable(), slot, address, length, flags | AVAIL, id);
    }

    /** Writes descriptor {@code slot} of any table. */
    static void put(long hostTable, int slot, long address, long length, int flags, int id) {
        long at = hostTable + 16L * slot;
        RawMemory.putLong(at, address);
        RawMemory.putLongRelease(at + 8, (length & 0xFFFFFFFFL) | (id & 0xFFFFL) << 32 | (flags & 0xFFFFL) << 48);
    }

    /** Whether the slot holds a used descriptor of the first lap. */
    boolean used(int slot) {
        return (flags(slot) & (AVAIL | USED)) == (AVAIL | USED);
    }

    int flags(int slot) {
        return RawMemory.getShort(layout.descriptorTable() + 16L * slot + 14) & 0xFFFF;
    }

    int id(int slot) {
        return RawMemory.getShort(layout.descriptorTable() + 16L * slot + 12) & 0xFFFF;
    }

    int length(int slot) {
        return RawMemory.getInt(layout.descriptorTable() + 16L * slot + 8);
    }
}
