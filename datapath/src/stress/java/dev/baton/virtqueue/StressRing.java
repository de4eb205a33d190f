package dev.baton.virtqueue;

import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A ring of one entry with a driver and a device, in a place of its own: there are as many places as states that
 * jcstress has in hand at a time, and many more.
 */
final class StressRing {
    /** Bytes of the one frame that there is: a header and a number. */
    static final int FRAME_BYTES = VirtioNetHeader.LENGTH + Long.BYTES;

    private static final int PLACES = 1 << 16;
    private static final int PLACE_BYTES = 512;
    private static final int BUFFER_OFFSET = 448;
    private static final Mapping MEMORY = Mapping.anonymous((long) PLACES * PLACE_BYTES);
    private static final GuestMemory GUEST = GuestMemory.of(
        List.of(new MemoryRegion(MEMORY.address(), MEMORY.length(), MEMORY.address(), MEMORY.address())));
    private static final AtomicInteger NEXT = new AtomicInteger();
    private static final ThreadLocal<ChainBurst> BURST = ThreadLocal.withInitial(() -> new ChainBurst(1, 32));

    final VirtqueueDriver driver;
    final Virtqueue device;
    final long buffer;
    /** What the device says of the one chain. */
    private final int head;

    /** Both sides have nothing to do; one chain went around before, so that old event indices ask for nothing. */
    StressRing(boolean eventIdx) {
        this(RingFormat.SPLIT, eventIdx);
    }

    /** {@link #StressRing(boolean)} of either format. */
    StressRing(RingFormat format, boolean eventIdx) {
        long place = MEMORY.address() + (long) (NEXT.getAndIncrement() & PLACES - 1) * PLACE_BYTES;
        long features = Features.VERSION_1 | (eventIdx ? Features.EVENT_IDX : 0)
            | (format == RingFormat.PACKED ? Features.RING_PACKED : 0);
        VirtqueueLayout layout = VirtqueueLayout.contiguous(format, 1, place);
        buffer = place + BUFFER_OFFSET;
        driver = VirtqueueDriver.of(layout, features);
        device = Virtqueue.of(layout, GUEST, features, QueueState.fresh(format));
        head = format == RingFormat.PACKED ? 1 << PackedChainWalker.SPAN_SHIFT : 0;
        driver.addReadable(buffer, FRAME_BYTES);
        driver.publish();
        use(0);
        driver.pollUsed();
        driver.disableNotifications();
        device.disableNotifications();
        RawMemory.putLong(buffer + VirtioNetHeader.LENGTH, 0);
    }

    /** The device takes the chain that is there and gives it back; whether a call is due. */
    boolean use(int writtenBytes) {
        fetch();
        device.use(head, writtenBytes);
        return device.publish();
    }

    /** The device gives the chain back that it has fetched; whether a call is due. */
    boolean giveBack(int writtenBytes) {
        device.use(head, writtenBytes);
        return device.publish();
    }

    /** The device's look; chains that it found. */
    int fetch() {
        return device.fetchReadable(BURST.get(), 1);
    }

    /** The length of the chain that the fetch before found. */
    int fetchedBytes() {
        return BURST.get().lengthBytes(0);
    }

    /** The number in the frame. */
    long number() {
        return RawMemory.getLong(buffer + VirtioNetHeader.LENGTH);
    }

    void number(long value) {
        RawMemory.putLong(buffer + VirtioNetHeader.LENGTH, value);
    }
}
