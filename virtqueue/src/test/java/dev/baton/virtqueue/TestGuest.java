package dev.baton.virtqueue;

import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import java.util.List;

/** A guest's memory in one region, handed out piece by piece; what is not handed out is never touched. */
final class TestGuest implements AutoCloseable {
    static final long BASE = 0x4000_0000L;
    private static final long USER_OFFSET = 0x7F00_0000_0000L;

    private final Mapping mapping;
    private final GuestMemory memory;
    private long next;

    TestGuest(long bytes) {
        mapping = Mapping.anonymous(bytes);
        memory = GuestMemory.of(
            List.of(new MemoryRegion(BASE, bytes, BASE + USER_OFFSET, mapping.address())));
    }

    GuestMemory memory() {
        return memory;
    }

    /** Guest address of so many bytes, aligned to 64. */
    long allocate(long bytes) {
        long at = next;
        next = (at + bytes + 63) & -64;
        if (next > mapping.length()) {
            throw new IllegalStateException("guest memory is full");
        }
        return BASE + at;
    }

    long host(long guestAddress) {
        return guestAddress - BASE + mapping.address();
    }

    VirtqueueLayout ring(int size) {
        return ring(RingFormat.SPLIT, size);
    }

    /** The device side of a split virtqueue that has not moved yet. */
    SplitVirtqueue split(VirtqueueLayout layout, long features) {
        return new SplitVirtqueue(layout, memory(), features, QueueState.fresh(RingFormat.SPLIT));
    }

    /** The device side of a virtqueue that has not moved yet. */
    Virtqueue device(VirtqueueLayout layout, long features) {
        return Virtqueue.of(layout, memory(), features, QueueState.fresh(layout.format()));
    }

    VirtqueueLayout ring(RingFormat format, int size) {
        return VirtqueueLayout.contiguous(format, size, host(allocate(VirtqueueLayout.contiguousBytes(format, size))));
    }

    /** Fills with a pattern that differs from byte to byte and from seed to seed. */
    void fill(long guestAddress, int bytes, int seed) {
        for (int i = 0; i < bytes; i++) {
            RawMemory.putByte(host(guestAddress) + i, (byte) (seed * 31 + i));
        }
    }

    @Override
    public void close() {
        mapping.close();
    }
}
