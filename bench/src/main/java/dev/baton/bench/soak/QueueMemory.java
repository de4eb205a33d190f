package dev.baton.bench.soak;

import dev.baton.vhostuser.FrontEndRing;
import dev.baton.vhostuser.SharedMemory;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.RingFormat;
import dev.baton.virtqueue.VirtioNetHeader;
import dev.baton.virtqueue.VirtqueueDriver;
import org.jspecify.annotations.Nullable;

/** One virtqueue of a guest: its ring, which can be made anew, its slots for frames, and which of them is where. */
final class QueueMemory implements AutoCloseable {
    static final int SLOT_BYTES = SendQueue.SLOT_BYTES;
    private static final int SLOTS = GuestShape.MAX_SIZE;

    private final int index;
    private final SharedMemory memory;
    private final long features;
    private final int maxSegments;
    private final long slots;
    private final long tables;
    private final int[] freeSlots = new int[SLOTS];
    private int freeCount;
    private int[] slotOfChain = new int[0];
    private @Nullable FrontEndRing ring;
    private @Nullable VirtqueueDriver driver;

    /** A queue without a ring. */
    QueueMemory(int index, SharedMemory memory, long features, int maxSegments) {
        this.index = index;
        this.memory = memory;
        this.features = features;
        this.maxSegments = maxSegments;
        slots = memory.allocate((long) SLOTS * SLOT_BYTES, 64);
        tables = memory.allocate(VirtqueueDriver.indirectTableBytes(SLOTS, maxSegments), 64);
    }

    /** Bytes that one takes, with so many rings in the course of time. */
    static long bytes(int rings, int maxSegments) {
        return (long) SLOTS * SLOT_BYTES + VirtqueueDriver.indirectTableBytes(SLOTS, maxSegments)
            + rings * 48L * SLOTS;
    }

    /** Makes a ring of zeroes; all slots are free. */
    FrontEndRing renew(int size) {
        close();
        FrontEndRing made = FrontEndRing.create(RingFormat.of(features), index, size, memory);
        VirtqueueDriver driving = VirtqueueDriver.of(made.layout(), features);
        if ((features & Features.INDIRECT_DESC) != 0) {
            driving.useIndirectTables(tables, memory.guestOf(tables), maxSegments);
        }
        ring = made;
        driver = driving;
        slotOfChain = new int[size];
        freeCount = 0;
        for (int slot = 0; slot < SLOTS; slot++) {
            freeSlots[freeCount++] = slot;
        }
        return made;
    }

    FrontEndRing ring() {
        return java.util.Objects.requireNonNull(ring, "a ring was made");
    }

    VirtqueueDriver driver() {
        return java.util.Objects.requireNonNull(driver, "a ring was made");
    }

    /** Bytes of the virtio-net header. */
    int headerBytes() {
        return VirtioNetHeader.length(features);
    }

    /** Without ANY_LAYOUT a legacy driver gives the header a descriptor of its own (virtio 1.2, 5.1.6.6). */
    boolean headerApart() {
        return (features & (Features.VERSION_1 | Features.ANY_LAYOUT)) == 0;
    }

    boolean mergeable() {
        return (features & Features.MRG_RXBUF) != 0;
    }

    /** The next free slot's host address; 0 without one. */
    long peek() {
        return freeCount == 0 ? 0 : slots + (long) freeSlots[freeCount - 1] * SLOT_BYTES;
    }

    /** That slot is with this chain from now on. */
    void bind(int chain) {
        slotOfChain[chain] = freeSlots[--freeCount];
    }

    /** The chain's slot is free again; its host address. */
    long free(int chain) {
        int slot = slotOfChain[chain];
        freeSlots[freeCount++] = slot;
        return slots + (long) slot * SLOT_BYTES;
    }

    long guestOf(long address) {
        return memory.guestOf(address);
    }

    /** Shows the device what was added, and kicks if it wants to know. */
    void publish() {
        if (driver().publish()) {
            ring().kick().signal();
        }
    }

    @Override
    public void close() {
        if (ring != null) {
            ring.close();
        }
    }
}
