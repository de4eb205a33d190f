package dev.baton.datapath;

import dev.baton.ffi.EventFd;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import dev.baton.tap.TapDevice;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.GuestMemory;
import dev.baton.virtqueue.MemoryRegion;
import dev.baton.virtqueue.QueueState;
import dev.baton.virtqueue.RingFormat;
import dev.baton.virtqueue.VirtioNetHeader;
import dev.baton.virtqueue.Virtqueue;
import dev.baton.virtqueue.VirtqueueDriver;
import dev.baton.virtqueue.VirtqueueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The driver's side of one queue pair of a {@link MemoryPort}: what a guest's network driver does, as two methods.
 * For one thread at a time; allocates nothing after it was made.
 *
 * <pre>
 *   one anonymous mapping:
 *   | transmitq rings | receiveq rings | transmit slots, 2 KiB each | receive slots, 2 KiB each |
 * </pre>
 */
public final class MemoryDriver implements AutoCloseable {
    /** The longest frame that {@link #send} takes: Ethernet header with two VLAN tags, 65535 bytes of IP. */
    public static final int MAX_FRAME_BYTES = TapDevice.MAX_FRAME_BYTES - VirtioNetHeader.LENGTH;

    private static final int SLOT_BYTES = 2048;
    private static final int MAX_SLOTS = (MAX_FRAME_BYTES + VirtioNetHeader.LENGTH) / SLOT_BYTES + 1;
    private static final long FEATURES = Features.VERSION_1 | Features.MRG_RXBUF | Features.EVENT_IDX;

    private final long features;
    private final int queueSize;
    private final int regionCount;
    private final Opened opened = new Opened();
    private final Mapping memory;
    private final Mapping assembly;
    private final EventFd txKick;
    private final EventFd rxKick;
    private final VirtqueueLayout txLayout;
    private final VirtqueueLayout rxLayout;
    private final VirtqueueDriver tx;
    private final VirtqueueDriver rx;
    private final long txSlots;
    private final long rxSlots;
    /** Free transmit slots are a list through here; the slots of a chain in flight too, from its head's first slot. */
    private final int[] nextSlot;
    private final int[] firstSlot;
    private final int[] slotCount;
    private final int[] rxSlot;
    private final long[] addresses = new long[MAX_SLOTS];
    private final int[] lengths = new int[MAX_SLOTS];
    private int freeSlot;
    private int freeSlots;

    MemoryDriver(int queueSize) {
        this(queueSize, 1, 0);
    }

    /** A driver with further features, whose memory the device knows as so many regions of about the same size. */
    MemoryDriver(int queueSize, int regions, long moreFeatures) {
        this.features = FEATURES | moreFeatures;
        RingFormat format = RingFormat.of(features);
        this.queueSize = queueSize;
        this.regionCount = regions;
        long ringBytes = VirtqueueLayout.contiguousBytes(format, queueSize) + 63 & ~63L;
        try {
            memory = opened.add(Mapping.anonymous(2 * ringBytes + 2L * queueSize * SLOT_BYTES));
            assembly = opened.add(Mapping.anonymous((long) MAX_SLOTS * SLOT_BYTES));
            txKick = opened.add(EventFd.create());
            rxKick = opened.add(EventFd.create());
        } catch (RuntimeException e) {
            opened.close();
            throw e;
        }
        txLayout = VirtqueueLayout.contiguous(format, queueSize, memory.address());
        rxLayout = VirtqueueLayout.contiguous(format, queueSize, memory.address() + ringBytes);
        tx = VirtqueueDriver.of(txLayout, features);
        rx = VirtqueueDriver.of(rxLayout, features);
        txSlots = memory.address() + 2 * ringBytes;
        rxSlots = txSlots + (long) queueSize * SLOT_BYTES;
        nextSlot = new int[queueSize];
        firstSlot = new int[queueSize];
        slotCount = new int[queueSize];
        rxSlot = new int[queueSize];
        freeSlots = queueSize;
        Arrays.setAll(nextSlot, i -> i + 1);
        for (int slot = 0; slot < queueSize; slot++) {
            offer(slot);
        }
        rx.publish();
    }

    /** Starts the device's side on both ends of the port. */
    void start(VirtqueueEnd rxEnd, VirtqueueEnd txEnd) {
        rxEnd.enable(true);
        rxEnd.start(deviceSide(txLayout), features, txKick, null);
        txEnd.enable(true);
        txEnd.start(deviceSide(rxLayout), features, rxKick, null);
    }

    /** Gets two ends ready that are to go on with what was started on two others. */
    void prepare(VirtqueueEnd rxEnd, VirtqueueEnd txEnd) {
        rxEnd.enable(true);
        rxEnd.prepare(deviceSide(txLayout), features, txKick, null);
        txEnd.enable(true);
        txEnd.prepare(deviceSide(rxLayout), features, rxKick, null);
    }

    private Virtqueue deviceSide(VirtqueueLayout layout) {
        return Virtqueue.of(layout, GuestMemory.of(regions()), features,
            QueueState.fresh(layout.format()));
    }

    /** No slot lies in two of them. */
    private List<MemoryRegion> regions() {
        List<MemoryRegion> regions = new ArrayList<>();
        long slots = (memory.address() + memory.length() - txSlots) / SLOT_BYTES;
        long start = memory.address();
        for (int i = 1; i <= regionCount; i++) {
            long end = txSlots + slots * i / regionCount * SLOT_BYTES;
            regions.add(new MemoryRegion(start, end - start, start, start));
            start = end;
        }
        return regions;
    }

    /**
     * Sends one Ethernet frame; its bytes are copied.
     *
     * @return false when the virtqueue is full: nothing was taken, try again
     * @throws IllegalArgumentException when the frame is longer than {@link #MAX_FRAME_BYTES}
     */
    public boolean send(byte[] frame, int offset, int lengthBytes) {
        int slots = reserve(lengthBytes);
        if (slots < 0) {
            return false;
        }
        fill(frame, offset, lengthBytes, slots);
        submit(slots);
        return true;
    }

    /** Copies a frame behind the header into the slots that were reserved. */
    private void fill(byte[] frame, int offset, int lengthBytes, int slots) {
        int at = offset;
        int left = lengthBytes;
        for (int i = 0; i < slots; i++) {
            int room = lengths[i] - (i == 0 ? VirtioNetHeader.LENGTH : 0);
            int chunk = Math.min(left, room);
            RawMemory.copyFromArray(frame, at, addresses[i] + lengths[i] - room, chunk);
            at += chunk;
            left -= chunk;
        }
    }

    /** {@link #send(byte[], int, int)} with a virtio-net header of {@value VirtioNetHeader#LENGTH} bytes. */
    boolean send(byte[] header, byte[] frame) {
        int slots = reserve(frame.length);
        if (slots < 0) {
            return false;
        }
        RawMemory.copyFromArray(header, 0, addresses[0], header.length);
        fill(frame, 0, frame.length, slots);
        submit(slots);
        return true;
    }

    /** {@link #send(byte[], int, int)} for a frame that lies in memory. */
    public boolean send(long address, int lengthBytes) {
        int slots = reserve(lengthBytes);
        if (slots < 0) {
            return false;
        }
        long at = address;
        int left = lengthBytes;
        for (int i = 0; i < slots; i++) {
            int room = lengths[i] - (i == 0 ? VirtioNetHeader.LENGTH : 0);
            int chunk = Math.min(left, room);
            RawMemory.copy(at, addresses[i] + lengths[i] - room, chunk);
            at += chunk;
            left -= chunk;
        }
        submit(slots);
        return true;
    }

    /** Fills addresses and lengths with slots for a frame and its header; -1 when there are too few. */
    private int reserve(int lengthBytes) {
        if (lengthBytes < 0 || lengthBytes > MAX_FRAME_BYTES) {
            throw new IllegalArgumentException("a frame of " + lengthBytes + " bytes, at most " + MAX_FRAME_BYTES);
        }
        reclaim();
        int left = lengthBytes + VirtioNetHeader.LENGTH;
        int slots = (left + SLOT_BYTES - 1) / SLOT_BYTES;
        if (slots > freeSlots) {
            return -1;
        }
        int slot = freeSlot;
        for (int i = 0; i < slots; i++) {
            addresses[i] = txSlots + (long) slot * SLOT_BYTES;
            lengths[i] = Math.min(left, SLOT_BYTES);
            left -= lengths[i];
            slot = nextSlot[slot];
        }
        VirtioNetHeader.plain(addresses[0]);
        return slots;
    }

    private void submit(int slots) {
        int head = tx.addReadable(addresses, lengths, slots);
        firstSlot[head] = freeSlot;
        slotCount[head] = slots;
        for (int i = 0; i < slots; i++) {
            freeSlot = nextSlot[freeSlot];
        }
        freeSlots -= slots;
        if (tx.publish()) {
            txKick.signal();
        }
    }

    private void reclaim() {
        for (int head = tx.pollUsed(); head >= 0; head = tx.pollUsed()) {
            int slots = slotCount[head];
            int last = firstSlot[head];
            for (int i = 1; i < slots; i++) {
                last = nextSlot[last];
            }
            nextSlot[last] = freeSlot;
            freeSlot = firstSlot[head];
            freeSlots += slots;
        }
    }

    /** Frames that were sent and not yet taken by the datapath. */
    public int inFlight() {
        reclaim();
        return tx.inFlight();
    }

    /**
     * Hands the frames that arrived to the handler.
     *
     * @param limit how many at most
     * @return how many they were
     */
    public int receive(FrameHandler handler, int limit) {
        int frames = 0;
        while (frames < limit) {
            int head = rx.pollUsed();
            if (head < 0) {
                break;
            }
            deliver(head, handler);
            frames++;
        }
        if (frames > 0 && rx.publish()) {
            rxKick.signal();
        }
        return frames;
    }

    private void deliver(int head, FrameHandler handler) {
        long address = rxSlots + (long) rxSlot[head] * SLOT_BYTES;
        int buffers = VirtioNetHeader.numBuffers(address);
        int length = rx.usedBytes();
        if (buffers == 1) {
            handler.frame(address + VirtioNetHeader.LENGTH, length - VirtioNetHeader.LENGTH);
            offer(rxSlot[head]);
            return;
        }
        RawMemory.copy(address, assembly.address(), length);
        offer(rxSlot[head]);
        for (int i = 1; i < buffers; i++) {
            // All buffers of a frame are published at once, so the rest is there.
            int next = rx.pollUsed();
            RawMemory.copy(rxSlots + (long) rxSlot[next] * SLOT_BYTES, assembly.address() + length, rx.usedBytes());
            length += rx.usedBytes();
            offer(rxSlot[next]);
        }
        handler.frame(assembly.address() + VirtioNetHeader.LENGTH, length - VirtioNetHeader.LENGTH);
    }

    private void offer(int slot) {
        rxSlot[rx.addWritable(rxSlots + (long) slot * SLOT_BYTES, SLOT_BYTES)] = slot;
    }

    @Override
    public void close() {
        opened.close();
    }

    @Override
    public String toString() {
        return "driver of two virtqueues of " + queueSize;
    }
}
