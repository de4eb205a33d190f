package dev.baton.virtqueue;

import dev.baton.ffi.RawMemory;
import java.util.Arrays;

/**
 * The driver side of a packed virtqueue (virtio 1.2, 2.8).
 *
 * <p>Theory of operation. Descriptors are written in the order of the ring, those of a chain one after the other; the
 * flags of the first chain that was added since the last publish are held back, because the device looks for those
 * first, and {@link #publish} writes them. IDs come from a list of free ones. With IN_ORDER the device may
 * show several chains as used by one descriptor, with the ID of the last: the IDs in flight are kept in their order,
 * and come back one by one.
 */
public final class PackedVirtqueueDriver implements VirtqueueDriver {
    private static final long LENGTH_MASK = 0xFFFFFFFFL;
    private static final int EVENT_DISABLE = 1 << 16;
    private static final int EVENT_AT_DESCRIPTOR = 2 << 16;
    private static final int EVENT_MODE = 3 << 16;
    private static final int POSITION_MASK = 0xFFFF;
    private static final int NONE = -1;

    private final VirtqueueLayout layout;
    private final long ring;
    private final int size;
    private final boolean eventIdx;
    private final boolean indirect;
    private final UsedOrder order;
    /** IDs of no chain in flight; a stack. */
    private final int[] freeIds;
    /** Descriptors of the chain in flight with this ID, 0 for none. */
    private final int[] chainDescriptors;
    private int inFlight;
    /** Where the next descriptor is written. */
    private int next;
    /** Where the next used descriptor will be. */
    private int nextUsed;
    private int published;
    private int freeDescriptors;
    /** The second half of the first descriptor since the last publish. */
    private long heldBack;
    private long indirectHost;
    private long indirectDevice;
    private int indirectEntries;

    /** See {@link VirtqueueDriver#of}. */
    public PackedVirtqueueDriver(VirtqueueLayout layout, long features, int first) {
        this.layout = layout;
        this.ring = layout.descriptorTable();
        this.size = layout.size();
        this.eventIdx = (features & Features.EVENT_IDX) != 0;
        this.indirect = (features & Features.INDIRECT_DESC) != 0;
        this.order = new UsedOrder(size, (features & Features.IN_ORDER) != 0);
        this.freeIds = new int[size];
        this.chainDescriptors = new int[size];
        Arrays.setAll(freeIds, i -> size - 1 - i);
        this.next = first;
        this.nextUsed = first;
        this.published = first;
        this.freeDescriptors = size;
        clearRing();
    }

    /** All descriptors look used in the lap before; neither side wants to be notified of anything. */
    private void clearRing() {
        for (int slot = 0; slot < size; slot++) {
            boolean thisLap = slot < PackedPosition.slot(next);
            put(slot, 0, PackedChainWalker.used(thisLap ? next : next ^ PackedPosition.WRAP));
        }
        RawMemory.putInt(layout.availableRing(), EVENT_DISABLE);
        RawMemory.putInt(layout.usedRing(), EVENT_DISABLE);
    }

    private void put(int slot, long address, long rest) {
        long descriptor = ring + ((long) slot << 4);
        RawMemory.putLong(descriptor, address);
        RawMemory.putLong(descriptor + 8, rest);
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
        return addOne(address, (length & LENGTH_MASK) | PackedChainWalker.WRITE);
    }

    @Override
    public int addReadable(long[] addresses, int[] lengths, int count) {
        return addMany(addresses, lengths, count, 0);
    }

    @Override
    public int addWritable(long[] addresses, int[] lengths, int count) {
        return addMany(addresses, lengths, count, PackedChainWalker.WRITE);
    }

    private int take(int descriptors) {
        int id = freeIds[size - 1 - inFlight];
        inFlight++;
        chainDescriptors[id] = descriptors;
        order.add(id);
        return id;
    }

    private int addOne(long address, long rest) {
        if (freeDescriptors == 0) {
            return NONE;
        }
        int id = take(1);
        append(address, rest, id);
        return id;
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
        int id = take(count);
        int first = next;
        long firstRest = (lengths[0] & LENGTH_MASK) | direction | link(0, count);
        // The first one after the others: the device looks at its flags.
        next = PackedPosition.advance(next, 1, size);
        freeDescriptors--;
        for (int i = 1; i < count; i++) {
            append(addresses[i], (lengths[i] & LENGTH_MASK) | direction | link(i, count), id);
        }
        int end = next;
        next = first;
        freeDescriptors++;
        append(addresses[0], firstRest, id);
        next = end;
        return id;
    }

    private static long link(int i, int count) {
        return i + 1 < count ? PackedChainWalker.NEXT : 0;
    }

    private int addIndirect(long[] addresses, int[] lengths, int count, long direction) {
        if (count > indirectEntries) {
            throw new IllegalArgumentException(count + " segments, tables have " + indirectEntries);
        }
        if (freeDescriptors == 0) {
            return NONE;
        }
        int id = take(1);
        long table = (long) id * indirectEntries * VirtqueueLayout.DESCRIPTOR_BYTES;
        for (int i = 0; i < count; i++) {
            long descriptor = indirectHost + table + ((long) i << 4);
            RawMemory.putLong(descriptor, addresses[i]);
            RawMemory.putLong(descriptor + 8, (lengths[i] & LENGTH_MASK) | direction);
        }
        append(indirectDevice + table, (long) count * VirtqueueLayout.DESCRIPTOR_BYTES | PackedChainWalker.INDIRECT,
            id);
        return id;
    }

    private void append(long address, long rest, int id) {
        long whole = rest | (long) id << PackedChainWalker.ID_SHIFT | PackedChainWalker.available(next);
        int slot = PackedPosition.slot(next);
        if (next == published) {
            heldBack = whole;
            RawMemory.putLong(ring + ((long) slot << 4), address);
        } else {
            RawMemory.putLong(ring + ((long) slot << 4), address);
            RawMemory.putLongRelease(ring + ((long) slot << 4) + 8, whole);
        }
        next = PackedPosition.advance(next, 1, size);
        freeDescriptors--;
    }

    @Override
    public boolean publish() {
        int before = published;
        if (before == next) {
            return false;
        }
        RawMemory.putLongRelease(ring + ((long) PackedPosition.slot(before) << 4) + 8, heldBack);
        RawMemory.fullFence();
        published = next;
        int event = RawMemory.getInt(layout.usedRing());
        int mode = event & EVENT_MODE;
        if (mode != EVENT_AT_DESCRIPTOR || !eventIdx) {
            return mode != EVENT_DISABLE;
        }
        return PackedVirtqueue.passed(event & POSITION_MASK, next, before, size);
    }

    @Override
    public int pollUsed() {
        if (!order.hasNext() && !look()) {
            return NONE;
        }
        int id = order.next();
        int descriptors = chainDescriptors[id];
        nextUsed = PackedPosition.advance(nextUsed, descriptors, size);
        freeDescriptors += descriptors;
        chainDescriptors[id] = 0;
        inFlight--;
        freeIds[size - 1 - inFlight] = id;
        return id;
    }

    /** Takes the used descriptor that stands next; false when there is none. */
    private boolean look() {
        long rest = RawMemory.getLongAcquire(ring + ((long) PackedPosition.slot(nextUsed) << 4) + 8);
        if (inFlight == 0 || !PackedChainWalker.inLap(rest, PackedChainWalker.used(nextUsed))) {
            return false;
        }
        int id = (int) (rest >>> PackedChainWalker.ID_SHIFT) & POSITION_MASK;
        if (id >= size || chainDescriptors[id] == 0) {
            throw new IllegalStateException("the device used chain " + id + ", which it does not have");
        }
        order.used(id, (int) rest);
        return true;
    }

    @Override
    public int usedBytes() {
        return order.bytes();
    }

    @Override
    public boolean enableNotifications() {
        RawMemory.putInt(layout.availableRing(), eventIdx ? nextUsed | EVENT_AT_DESCRIPTOR : 0);
        RawMemory.fullFence();
        return order.hasNext() || look();
    }

    @Override
    public void disableNotifications() {
        RawMemory.putInt(layout.availableRing(), EVENT_DISABLE);
    }

    @Override
    public int size() {
        return size;
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
