package dev.baton.virtqueue;

import dev.baton.ffi.RawMemory;
import java.util.Arrays;

/**
 * The driver side of a split virtqueue (virtio 1.2, 2.7).
 *
 * <p>Theory of operation. {@code add} links descriptors from a free list and writes the head into the available ring;
 * {@link #publish} shows all that was added to the device; {@link #pollUsed} takes back what the device used and
 * frees its descriptors. A chain's ID is its head index. With IN_ORDER the device may write one used entry for several
 * chains, with the head of the last.
 */
public final class SplitVirtqueueDriver implements VirtqueueDriver {

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
    private final UsedOrder order;
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
    private long indirectHost;
    private long indirectDevice;
    private int indirectEntries;

    /** See {@link VirtqueueDriver#of}. */
    public SplitVirtqueueDriver(VirtqueueLayout layout, long features, int firstIndex) {
        int size = layout.size();
        this.layout = layout;
        this.slotMask = size - 1;
        this.eventIdx = (features & Features.EVENT_IDX) != 0;
        this.indirect = (features & Features.INDIRECT_DESC) != 0;
        this.order = new UsedOrder(size, (features & Features.IN_ORDER) != 0);
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

    @Override
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

    @Override
    public int addReadable(long address, int length) {
        return addOne(address, length & LENGTH_MASK);
    }

    @Override
    public int addWritable(long address, int length) {
        return addOne(address, (length & LENGTH_MASK) | WRITE);
    }

    @Override
    public int addReadable(long[] addresses, int[] lengths, int count) {
        return addMany(addresses, lengths, count, 0);
    }

    @Override
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
        order.add(head);
        long entry = layout.availableRing() + VirtqueueLayout.RING_OFFSET + ((availIdx & slotMask) << 1);
        RawMemory.putShort(entry, (short) head);
        availIdx = availIdx + 1 & INDEX_MASK;
        return head;
    }

    @Override
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

    @Override
    public int pollUsed() {
        if (!order.hasNext() && !take()) {
            return NONE;
        }
        int head = order.next();
        lastUsedIdx = lastUsedIdx + 1 & INDEX_MASK;
        free(head);
        return head;
    }

    /** Takes the used entry that stands next; false when there is none. */
    private boolean take() {
        if (lastUsedIdx == usedIdxSeen && !look()) {
            return false;
        }
        long slot = layout.usedRing() + VirtqueueLayout.RING_OFFSET + ((long) (lastUsedIdx & slotMask) << 3);
        long entry = RawMemory.getLong(slot);
        int head = (int) entry;
        if (head < 0 || head >= chainDescriptors.length || chainDescriptors[head] == 0) {
            throw new IllegalStateException("the device used chain " + head + ", which it does not have");
        }
        order.used(head, (int) (entry >>> 32));
        return true;
    }

    private boolean look() {
        usedIdxSeen = SplitVirtqueue.usedIndexInRing(layout);
        return lastUsedIdx != usedIdxSeen;
    }

    private void free(int head) {
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

    @Override
    public int usedBytes() {
        return order.bytes();
    }

    @Override
    public boolean enableNotifications() {
        if (eventIdx) {
            RawMemory.putShort(layout.usedEvent(), (short) lastUsedIdx);
        } else {
            RawMemory.putShort(layout.availableRing(), (short) 0);
        }
        RawMemory.fullFence();
        return order.hasNext() || look();
    }

    @Override
    public void disableNotifications() {
        if (!eventIdx) {
            RawMemory.putShort(layout.availableRing(), NO_INTERRUPT);
        }
        // With EVENT_IDX the used_event stays behind the device's index, which asks for nothing (for 65535 chains).
    }

    @Override
    public int size() {
        return slotMask + 1;
    }

    @Override
    public int freeDescriptors() {
        return freeDescriptors;
    }

    @Override
    public int inFlight() {
        return inFlight;
    }
}
