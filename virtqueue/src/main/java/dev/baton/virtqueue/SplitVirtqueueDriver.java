package dev.baton.virtqueue;

import dev.baton.ffi.RawMemory;
import java.util.Arrays;

/**
 * The driver side of a split virtqueue (virtio 1.2, 2.7), over memory that the caller owns: what a guest's kernel
 * does. For tests, the demo, in-memory ports and the perf tool.
 *
 * <p>Theory of operation. Buffers are named by the addresses that the device will see; the rings are written through
 * host addresses. {@code add} links descriptors from a free list and writes the head into the available ring;
 * {@link #publish} shows all that was added to the device; {@link #pollUsed} takes back what the device used and
 * frees its descriptors. A chain is known by its head index from {@code add} to {@code pollUsed}; a caller keeps
 * what belongs to it in an array indexed by the head. One thread; no allocation after construction.
 *
 * <pre>
 *   int id = driver.addReadable(address, length);        // -1: no free descriptor
 *   if (driver.publish()) {
 *       kick.signal();
 *   }
 *   for (int id; (id = driver.pollUsed()) &gt;= 0; ) {
 *       ... buffer id came back, driver.usedBytes() were written ...
 *   }
 * </pre>
 */
public final class SplitVirtqueueDriver {

    private static final int INDEX_MASK = 0xFFFF;
    private static final int NO_NOTIFY = 1;
    private static final short NO_INTERRUPT = 1;
    private static final long LENGTH_MASK = 0xFFFFFFFFL;
    private static final long NEXT = 1L << 32;
    private static final long WRITE = 2L << 32;
    private static final long INDIRECT = 4L << 32;
    private static final int NONE = -1;

    private final VirtqueueLayout layout;
    private final int slotMask;
    private final boolean eventIdx;
    private final boolean indirect;
    /** The free list; descriptors of a chain in flight are linked by it too. */
    private final int[] nextFree;
    /** Descriptors of the chain in flight at this head, 0 for none. */
    private final int[] chainDescriptors;
    private int firstFree;
    private int freeDescriptors;
    private int inFlight;
    private int availIdx;
    private int publishedAvailIdx;
    private int usedIdxSeen;
    private int lastUsedIdx;
    private int usedBytes;
    private long indirectHost;
    private long indirectDevice;
    private int indirectEntries;

    /**
     * A driver on rings that it clears first.
     *
     * @param layout host addresses of the rings
     * @param features the negotiated features: INDIRECT_DESC and EVENT_IDX matter here
     */
    public SplitVirtqueueDriver(VirtqueueLayout layout, long features) {
        this(layout, features, 0);
    }

    /**
     * A driver on rings whose indices start at {@code firstIndex}, as after a long life; the device has to start
     * there too.
     */
    public SplitVirtqueueDriver(VirtqueueLayout layout, long features, int firstIndex) {
        int size = layout.size();
        this.layout = layout;
        this.slotMask = size - 1;
        this.eventIdx = (features & Features.EVENT_IDX) != 0;
        this.indirect = (features & Features.INDIRECT_DESC) != 0;
        this.nextFree = new int[size];
        this.chainDescriptors = new int[size];
        Arrays.setAll(nextFree, i -> i + 1 < size ? i + 1 : NONE);
        this.freeDescriptors = size;
        this.availIdx = firstIndex & INDEX_MASK;
        this.publishedAvailIdx = availIdx;
        this.usedIdxSeen = availIdx;
        this.lastUsedIdx = availIdx;
        clearRings();
    }

    private void clearRings() {
        int size = layout.size();
        RawMemory.fill(layout.descriptorTable(), VirtqueueLayout.descriptorTableBytes(size), (byte) 0);
        RawMemory.fill(layout.availableRing(), VirtqueueLayout.availableRingBytes(size), (byte) 0);
        RawMemory.fill(layout.usedRing(), VirtqueueLayout.usedRingBytes(size), (byte) 0);
        if (eventIdx) {
            RawMemory.putShort(layout.usedEvent(), (short) lastUsedIdx);
            RawMemory.putShort(layout.availEvent(), (short) availIdx);
        }
        RawMemory.putShort(layout.usedRing() + VirtqueueLayout.INDEX_OFFSET, (short) lastUsedIdx);
        RawMemory.putShortRelease(layout.availableRing() + VirtqueueLayout.INDEX_OFFSET, (short) availIdx);
    }

    /** Bytes of the tables that {@link #useIndirectTables} needs. */
    public static long indirectTableBytes(int size, int maxSegments) {
        return (long) size * maxSegments * VirtqueueLayout.DESCRIPTOR_BYTES;
    }

    /**
     * From now on every chain of two or more segments goes into an indirect table, one for each head.
     *
     * @param hostAddress where the tables lie, aligned to 16
     * @param deviceAddress the same place as the device sees it
     * @param maxSegments most segments of a chain
     */
    public void useIndirectTables(long hostAddress, long deviceAddress, int maxSegments) {
        if (!indirect) {
            throw new IllegalStateException("VIRTIO_F_INDIRECT_DESC was not negotiated");
        }
        if (inFlight != 0) {
            throw new IllegalStateException(inFlight + " chains are in flight");
        }
        indirectHost = hostAddress;
        indirectDevice = deviceAddress;
        indirectEntries = maxSegments;
    }

    /** Adds a buffer that the device reads; returns its head index, or -1 when no descriptor is free. */
    public int addReadable(long address, int length) {
        return addOne(address, length & LENGTH_MASK);
    }

    /** Adds a buffer that the device writes; returns its head index, or -1 when no descriptor is free. */
    public int addWritable(long address, int length) {
        return addOne(address, (length & LENGTH_MASK) | WRITE);
    }

    /** Adds {@code count} segments that the device reads; returns the head index, or -1 when there is no room. */
    public int addReadable(long[] addresses, int[] lengths, int count) {
        return addMany(addresses, lengths, count, 0);
    }

    /** Adds {@code count} segments that the device writes; returns the head index, or -1 when there is no room. */
    public int addWritable(long[] addresses, int[] lengths, int count) {
        return addMany(addresses, lengths, count, WRITE);
    }

    private int addOne(long address, long rest) {
        if (freeDescriptors == 0) {
            return NONE;
        }
        int head = firstFree;
        firstFree = nextFree[head];
        put(layout.descriptorTable(), head, address, rest);
        return makeAvailable(head, 1);
    }

    private int addMany(long[] addresses, int[] lengths, int count, long direction) {
        if (count < 1) {
            throw new IllegalArgumentException("a chain of " + count + " segments");
        }
        if (indirectEntries != 0 && count > 1) {
            return addIndirect(addresses, lengths, count, direction);
        }
        if (freeDescriptors < count) {
            return NONE;
        }
        int head = firstFree;
        int at = head;
        for (int i = 0; i < count; i++) {
            int next = nextFree[at];
            long link = i + 1 < count ? NEXT | ((long) next << 48) : 0;
            put(layout.descriptorTable(), at, addresses[i], (lengths[i] & LENGTH_MASK) | direction | link);
            at = next;
        }
        firstFree = at;
        return makeAvailable(head, count);
    }

    private int addIndirect(long[] addresses, int[] lengths, int count, long direction) {
        if (count > indirectEntries) {
            throw new IllegalArgumentException(count + " segments, tables have " + indirectEntries);
        }
        if (freeDescriptors == 0) {
            return NONE;
        }
        long table = (long) firstFree * indirectEntries * VirtqueueLayout.DESCRIPTOR_BYTES;
        for (int i = 0; i < count; i++) {
            long link = i + 1 < count ? NEXT | ((long) (i + 1) << 48) : 0;
            put(indirectHost + table, i, addresses[i], (lengths[i] & LENGTH_MASK) | direction | link);
        }
        return addOne(indirectDevice + table, ((long) count * VirtqueueLayout.DESCRIPTOR_BYTES) | INDIRECT);
    }

    private static void put(long table, int index, long address, long rest) {
        long descriptor = table + ((long) index << 4);
        RawMemory.putLong(descriptor, address);
        RawMemory.putLong(descriptor + 8, rest);
    }

    private int makeAvailable(int head, int descriptors) {
        chainDescriptors[head] = descriptors;
        freeDescriptors -= descriptors;
        inFlight++;
        long entry = layout.availableRing() + VirtqueueLayout.RING_OFFSET + ((availIdx & slotMask) << 1);
        RawMemory.putShort(entry, (short) head);
        availIdx = availIdx + 1 & INDEX_MASK;
        return head;
    }

    /**
     * Shows all that was added to the device: one release store, one fence, one decision.
     *
     * @return true when a kick is due
     */
    public boolean publish() {
        int before = publishedAvailIdx;
        if (before == availIdx) {
            return false;
        }
        RawMemory.putShortRelease(layout.availableRing() + VirtqueueLayout.INDEX_OFFSET, (short) availIdx);
        RawMemory.fullFence();
        publishedAvailIdx = availIdx;
        if (eventIdx) {
            return SplitVirtqueue.passed(RawMemory.getShort(layout.availEvent()), availIdx, before);
        }
        return (RawMemory.getShort(layout.usedRing()) & NO_NOTIFY) == 0;
    }

    /**
     * Takes back the next used chain and frees its descriptors.
     *
     * @return its head index, or -1 when there is none
     * @throws IllegalStateException when the device used what was not made available
     */
    public int pollUsed() {
        if (lastUsedIdx == usedIdxSeen && !look()) {
            return NONE;
        }
        long slot = layout.usedRing() + VirtqueueLayout.RING_OFFSET + ((long) (lastUsedIdx & slotMask) << 3);
        long entry = RawMemory.getLong(slot);
        lastUsedIdx = lastUsedIdx + 1 & INDEX_MASK;
        usedBytes = (int) (entry >>> 32);
        int head = (int) entry;
        free(head);
        return head;
    }

    private boolean look() {
        usedIdxSeen = SplitVirtqueue.usedIndexInRing(layout);
        return lastUsedIdx != usedIdxSeen;
    }

    private void free(int head) {
        if (head < 0 || head >= chainDescriptors.length || chainDescriptors[head] == 0) {
            throw new IllegalStateException("the device used chain " + head + ", which it does not have");
        }
        int descriptors = chainDescriptors[head];
        int last = head;
        for (int i = 1; i < descriptors; i++) {
            last = nextFree[last];
        }
        nextFree[last] = firstFree;
        firstFree = head;
        freeDescriptors += descriptors;
        chainDescriptors[head] = 0;
        inFlight--;
    }

    /** Bytes that the device wrote into the chain that {@link #pollUsed} returned last. */
    public int usedBytes() {
        return usedBytes;
    }

    /**
     * Asks the device for a call when it uses buffers, then looks again.
     *
     * @return true when there are used chains already: poll again before sleeping
     */
    public boolean enableNotifications() {
        if (eventIdx) {
            RawMemory.putShort(layout.usedEvent(), (short) lastUsedIdx);
        } else {
            RawMemory.putShort(layout.availableRing(), (short) 0);
        }
        RawMemory.fullFence();
        return look();
    }

    /** Tells the device that no calls are needed; some may still come. */
    public void disableNotifications() {
        if (!eventIdx) {
            RawMemory.putShort(layout.availableRing(), NO_INTERRUPT);
        }
        // With EVENT_IDX the used_event stays behind the device's index, which asks for nothing (for 65535 chains).
    }

    /** The number of descriptors. */
    public int size() {
        return slotMask + 1;
    }

    /** Descriptors that are free. */
    public int freeDescriptors() {
        return freeDescriptors;
    }

    /** Chains that were added and did not come back yet. */
    public int inFlight() {
        return inFlight;
    }
}
