package dev.baton.bench;

import dev.baton.ffi.Mapping;
import dev.baton.virtqueue.ChainBurst;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.GuestMemory;
import dev.baton.virtqueue.MemoryRegion;
import dev.baton.virtqueue.QueueState;
import dev.baton.virtqueue.RingFormat;
import dev.baton.virtqueue.Virtqueue;
import dev.baton.virtqueue.VirtqueueDriver;
import dev.baton.virtqueue.VirtqueueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A virtqueue, packed where RING_PACKED was negotiated, whose driver costs next to nothing: all chains are in the ring
 * from the start, and are only made available anew ({@link Offer}). Where INDIRECT_DESC was negotiated, chains of
 * several segments are in tables.
 */
final class BenchRing {
    private static final long GUEST_BASE = 0x1_0000_0000L;
    private static final long TABLES = 0x1000;

    final Virtqueue device;
    private final Offer offer;

    /**
     * A ring full of chains, which lie in one region of guest memory.
     *
     * @param size of a split ring; a packed one has as many descriptors as its chains fill
     */
    BenchRing(int size, long features, boolean writable, int... segmentBytes) {
        this(1, size, features, writable, segmentBytes);
    }

    private BenchRing(int regions, int descriptors, long features, boolean writable, int... segmentBytes) {
        RingFormat format = RingFormat.of(features);
        boolean indirect = (features & Features.INDIRECT_DESC) != 0;
        int segments = segmentBytes.length;
        int chains = indirect ? descriptors : descriptors / segments;
        int size = format == RingFormat.SPLIT || indirect ? descriptors : chains * segments;
        int stride = Arrays.stream(segmentBytes).sum() + 63 & -64;
        long ringBytes = VirtqueueLayout.contiguousBytes(format, size) + 63 & -64;
        long tableBytes = indirect ? VirtqueueDriver.indirectTableBytes(size, segments) : 0;
        long regionBytes = (chains + regions - 1L) / regions * stride;
        // Mapped as long as the JVM lives: a trial's rings are few.
        long host = Mapping.anonymous(ringBytes + tableBytes + regions * regionBytes).address();
        VirtqueueLayout layout = VirtqueueLayout.contiguous(format, size, host);
        VirtqueueDriver driver = VirtqueueDriver.of(layout, features, 0);
        List<MemoryRegion> memory = new ArrayList<>();
        if (indirect) {
            memory.add(new MemoryRegion(TABLES, tableBytes, TABLES, host + ringBytes));
            driver.useIndirectTables(host + ringBytes, TABLES, segments);
        }
        for (int i = 0; i < regions; i++) {
            // With as much between them as they are long: nothing can take two for one.
            long guest = GUEST_BASE + 2L * i * regionBytes;
            memory.add(new MemoryRegion(guest, regionBytes, guest, host + ringBytes + tableBytes + i * regionBytes));
        }
        long[] addresses = new long[segments];
        for (int i = 0; i < chains; i++) {
            long at = GUEST_BASE + 2L * (i % regions) * regionBytes + (long) (i / regions) * stride;
            for (int s = 0; s < segments; s++) {
                addresses[s] = at;
                at += segmentBytes[s];
            }
            if (writable) {
                driver.addWritable(addresses, segmentBytes, segments);
            } else {
                driver.addReadable(addresses, segmentBytes, segments);
            }
        }
        driver.publish();
        driver.disableNotifications();
        offer = Offer.of(layout, chains);
        device = Virtqueue.of(layout, GuestMemory.of(memory), features, QueueState.fresh(layout.format()));
    }

    /** What is negotiated for a ring of this format, and nothing else. */
    static long features(RingFormat format) {
        return Features.VERSION_1 | (format == RingFormat.PACKED ? Features.RING_PACKED : 0);
    }

    /** A ring full of chains that the device reads, of which each is in another region than the one before. */
    static BenchRing over(int regions, int size, long features, int... segmentBytes) {
        return new BenchRing(regions, size, features, false, segmentBytes);
    }

    /** Makes so many more chains available. */
    void offer(int chains) {
        offer.chains(chains);
    }

    /** Makes a burst available, walks it and gives it back untouched; returns its chains. */
    int walk(ChainBurst into, int chains) {
        offer(chains);
        int walked = device.fetchReadable(into, chains);
        if (walked != chains) {
            throw new BenchFailure("walked " + walked + " chains of " + chains + ": " + device.fault());
        }
        device.use(into, 0, walked);
        device.publish();
        return walked;
    }
}
