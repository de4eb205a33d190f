package dev.baton.bench.soak;

import dev.baton.ffi.EventFd;
import dev.baton.vhostuser.FrontEndRing;
import dev.baton.vhostuser.SharedMemory;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.RingFormat;
import dev.baton.virtqueue.VirtioNetHeader;
import dev.baton.virtqueue.VirtqueueDriver;
import org.jspecify.annotations.Nullable;

/**
 * One virtqueue of a guest: its ring, which can be made anew, its slots for frames, and which of them is where. There
 * are as many slots of {@value #SLOT_BYTES} bytes as any ring has entries, and a few large ones.
 */
final class QueueMemory implements AutoCloseable {
    static final int SLOT_BYTES = SendQueue.SLOT_BYTES;
    /** The longest frame, and its virtio-net header. */
    static final int LARGE_SLOT_BYTES = 66 << 10;
    private static final int SLOTS = GuestShape.MAX_SIZE;
    private static final int LARGE_SLOTS = 24;
    private static final long SLOTS_BYTES = (long) SLOTS * SLOT_BYTES + (long) LARGE_SLOTS * LARGE_SLOT_BYTES;

    private final int index;
    private final SharedMemory memory;
    private final long features;
    private final int maxSegments;
    private final long slots;
    private final long tables;
    private final int[] freeSlots = new int[SLOTS];
    private int freeCount;
    private final int[] freeLargeSlots = new int[LARGE_SLOTS];
    private int freeLargeCount;
    private int[] slotOfChain = new int[0];
    private @Nullable FrontEndRing ring;
    private @Nullable VirtqueueDriver driver;

    /** A queue without a ring. */
    QueueMemory(int index, SharedMemory memory, long features, int maxSegments) {
        this.index = index;
        this.memory = memory;
        this.features = features;
        this.maxSegments = maxSegments;
        slots = memory.allocate(SLOTS_BYTES, 64);
        tables = memory.allocate(VirtqueueDriver.indirectTableBytes(SLOTS, maxSegments), 64);
    }

    /** Bytes that one takes, with so many rings in the course of time. */
    static long bytes(int rings, int maxSegments) {
        return SLOTS_BYTES + VirtqueueDriver.indirectTableBytes(SLOTS, maxSegments)
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
        freeLargeCount = 0;
        for (int slot = SLOTS; slot < SLOTS + LARGE_SLOTS; slot++) {
            freeLargeSlots[freeLargeCount++] = slot;
        }
        return made;
    }

    /** Makes other eventfds for the ring; returns the ring as it was, with the former ones. */
    FrontEndRing replaceNotifiers() {
        FrontEndRing former = ring();
        ring = new FrontEndRing(index, former.layout(), memory, EventFd.create(), EventFd.create());
        return former;
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

    /** The host address of the next free slot for so many bytes; 0 without one. */
    long peek(int bytes) {
        if (bytes > SLOT_BYTES) {
            return freeLargeCount == 0 ? 0 : address(freeLargeSlots[freeLargeCount - 1]);
        }
        return freeCount == 0 ? 0 : address(freeSlots[freeCount - 1]);
    }

    /** The next free slot for so many bytes is with this chain from now on. */
    void bind(int chain, int bytes) {
        slotOfChain[chain] = bytes > SLOT_BYTES ? freeLargeSlots[--freeLargeCount] : freeSlots[--freeCount];
    }

    private long address(int slot) {
        return slots + (long) Math.min(slot, SLOTS) * SLOT_BYTES + (long) Math.max(0, slot - SLOTS) * LARGE_SLOT_BYTES;
    }

    /** The chain's slot is free again; its host address. */
    long free(int chain) {
        int slot = slotOfChain[chain];
        if (slot < SLOTS) {
            freeSlots[freeCount++] = slot;
        } else {
            freeLargeSlots[freeLargeCount++] = slot;
        }
        return address(slot);
    }

    /** The negotiated features. */
    long features() {
        return features;
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
