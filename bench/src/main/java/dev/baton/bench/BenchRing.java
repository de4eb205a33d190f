package dev.baton.bench;

import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import dev.baton.virtqueue.GuestMemory;
import dev.baton.virtqueue.MemoryRegion;
import dev.baton.virtqueue.QueueState;
import dev.baton.virtqueue.RingFormat;
import dev.baton.virtqueue.Virtqueue;
import dev.baton.virtqueue.VirtqueueDriver;
import dev.baton.virtqueue.VirtqueueLayout;
import java.util.List;

/**
 * A split virtqueue whose driver costs next to nothing: all chains are in the ring from the start, and to make
 * buffers available is one store of the available index, since a device that uses chains in order finds the same
 * heads in the same slots for ever.
 */
final class BenchRing {
    private static final long GUEST_BASE = 0x1_0000_0000L;

    final Virtqueue device;
    private final long availIndex;
    private int availIdx;

    /** A ring full of chains. */
    BenchRing(int size, long features, boolean writable, int... segmentBytes) {
        int chainBytes = 0;
        for (int bytes : segmentBytes) {
            chainBytes += bytes;
        }
        int chains = size / segmentBytes.length;
        int stride = (chainBytes + 63) & -64;
        long ringBytes = VirtqueueLayout.contiguousBytes(RingFormat.SPLIT, size);
        long length = ringBytes + (long) chains * stride;
        // Mapped as long as the JVM lives: a trial's rings are few.
        long host = Mapping.anonymous(length).address();
        VirtqueueLayout layout = VirtqueueLayout.contiguous(RingFormat.SPLIT, size, host);
        VirtqueueDriver driver = VirtqueueDriver.of(layout, features, 0);
        long[] addresses = new long[segmentBytes.length];
        for (int i = 0; i < chains; i++) {
            long at = GUEST_BASE + ringBytes + (long) i * stride;
            for (int s = 0; s < segmentBytes.length; s++) {
                addresses[s] = at;
                at += segmentBytes[s];
            }
            if (writable) {
                driver.addWritable(addresses, segmentBytes, segmentBytes.length);
            } else {
                driver.addReadable(addresses, segmentBytes, segmentBytes.length);
            }
        }
        driver.disableNotifications();
        repeatHeads(layout, chains);
        GuestMemory memory = GuestMemory.of(List.of(new MemoryRegion(GUEST_BASE, length, GUEST_BASE, host)));
        device = Virtqueue.of(layout, memory, features, QueueState.fresh(layout.format()));
        availIndex = layout.availableRing() + 2;
    }

    /** With chains of several descriptors there are fewer heads than slots: they come round again. */
    private static void repeatHeads(VirtqueueLayout layout, int chains) {
        long slots = layout.availableRing() + 4;
        for (int i = chains; i < layout.size(); i++) {
            RawMemory.putShort(slots + 2L * i, RawMemory.getShort(slots + 2L * (i - chains)));
        }
    }

    /** Makes so many more chains available. */
    void offer(int chains) {
        availIdx = (availIdx + chains) & 0xFFFF;
        RawMemory.putShortRelease(availIndex, (short) availIdx);
    }
}
