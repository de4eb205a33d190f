package dev.baton.virtqueue;

import dev.baton.ffi.RawMemory;

/**
 * A flyweight over one queue region of an inflight region: what a back end leaves with its front end about a virtqueue,
 * so that another back end, which knows nothing else, goes on in the right place (vhost-user, "Inflight I/O tracking").
 *
 * <p>Theory of operation. The region is made for back ends that use chains in another order than they took them, and
 * mark each chain that they hold. Baton uses chains in order and holds none between two bursts, so that it marks none:
 * where the used ring stands says all.
 *
 * <pre>
 *   split                                       packed
 *    0  features        8  0                     0  features        8  0
 *    8  version         2  0 none, 1             8  version         2  0 none, 1
 *   10  desc_num        2                       10  desc_num        2
 *   12  last_batch_head 2  0                    12  free_head       2  0
 *   14  used_idx        2                       14  old_free_head   2  0
 *   16  desc_num entries of 16                  16  used_idx        2  slot
 *       0  inflight     1  0                    18  old_used_idx    2  slot
 *                                               20  used_wrap       1
 *                                               21  old_used_wrap   1
 *                                               22  padding        10
 *                                               32  desc_num entries of 32
 *                                                    0  inflight    1  0
 *                                                    2  next        2  the next free entry
 * </pre>
 *
 * <p>A split virtqueue's {@code used_idx} is written when the ring's has been. A packed virtqueue's positions are
 * written twice a burst, in one store each: before the first store to the ring {@code used} says where it will end,
 * {@code old_used} where it began; and both are equal when all is shown. What the ring alone does not tell about a
 * burst that was under way (see {@link PackedRecovery}) stands in entry 0, in two words that mean nothing to anybody as
 * long as the entry is not in flight:
 *
 * <pre>
 *   40  counter  journal  from:16 | to:16 | second:16 | kind:8 (1 several, 2 first is all) | tag:8, lowest bits first
 *   56  addr     first    second half of the used descriptor that is written last
 * </pre>
 *
 * <p>The version is 0 from when a front end has been told where the virtqueue stopped until it starts again: then the
 * front end knows, and what it says is believed. It is 1 otherwise, and the region is believed.
 *
 * <p>The front end can write to it at any time. Every word is read once and checked; what comes of nonsense is another
 * place in the front end's own ring.
 */
public final class InflightQueue {
    private static final int VERSION = 1;
    private static final int ALIGNMENT = 64;
    private static final int VERSION_OFFSET = 8;
    private static final int ENTRIES_OFFSET = 10;
    private static final int HEADS_OFFSET = 12;
    private static final int SPLIT_USED_OFFSET = 14;
    private static final int PACKED_USED_OFFSET = 16;
    private static final int SPLIT_HEADER = 16;
    private static final int SPLIT_ENTRY = 16;
    private static final int PACKED_HEADER = 32;
    private static final int PACKED_ENTRY = 32;
    private static final int NEXT_OFFSET = 2;
    private static final int JOURNAL_OFFSET = 40;
    private static final int FIRST_OFFSET = 56;
    private static final int OLD_SHIFT = 16;
    private static final int WRAP_SHIFT = 32;
    private static final int OLD_WRAP_SHIFT = 40;
    private static final int INDEX_MASK = 0xFFFF;
    private static final int SECOND_SHIFT = 32;
    private static final long TAG = 0xBAL << 56;
    private static final long SEVERAL = TAG | 1L << 48;
    private static final long FIRST_IS_ALL = TAG | 2L << 48;

    private final long address;
    private final RingFormat format;
    private final int entries;

    /**
     * A queue region at this place.
     *
     * @param address aligned to 8; {@link #bytes} of it stay mapped as long as it is used
     * @param format what the virtqueue is
     * @param entries the largest number of descriptors that the virtqueue may have
     */
    public InflightQueue(long address, RingFormat format, int entries) {
        if (address == 0 || (address & 7) != 0) {
            throw new IllegalArgumentException("an inflight queue region at 0x" + Long.toHexString(address));
        }
        this.address = address;
        this.format = format;
        this.entries = entries;
    }

    /** Length of the queue region of a virtqueue, and how far it is from one to the next: a multiple of 64. */
    public static long bytes(RingFormat format, int entries) {
        long bytes = format == RingFormat.PACKED
            ? PACKED_HEADER + (long) PACKED_ENTRY * entries : SPLIT_HEADER + (long) SPLIT_ENTRY * entries;
        return bytes + ALIGNMENT - 1 & -ALIGNMENT;
    }

    long address() {
        return address;
    }

    /**
     * Where a virtqueue starts, and finishes what an earlier back end was showing when it died. Nobody else runs the
     * virtqueue.
     *
     * @param base what the front end says: where the virtqueue starts if the region knows nothing
     * @param layout of a virtqueue that lies in guest memory
     * @param features acked by the driver
     * @throws IllegalArgumentException in one sentence: the region is of another size or version, or a chain of the
     *     virtqueue is in flight, which only the back end that took it could finish
     */
    public QueueState place(int base, VirtqueueLayout layout, long features) {
        int size = layout.size();
        if (size > entries) {
            throw new IllegalArgumentException(
                "a queue size of " + size + ", where the inflight region has room for " + entries);
        }
        int version = RawMemory.getShortAcquire(address + VERSION_OFFSET) & INDEX_MASK;
        if (version == 0) {
            return QueueState.start(base, layout, features);
        }
        check(version, size);
        if (format == RingFormat.SPLIT) {
            return QueueState.at(base, layout);
        }
        int position = finish(layout);
        return new QueueState(position, position, QueueState.UNSIGNALLED);
    }

    private void check(int version, int size) {
        long features = RawMemory.getLong(address);
        int described = RawMemory.getShort(address + ENTRIES_OFFSET) & INDEX_MASK;
        if (version != VERSION || features != 0 || described != entries) {
            throw new IllegalArgumentException("its inflight region has version " + version + ", features 0x"
                + Long.toHexString(features) + " and " + described + " entries, not version 1, none and " + entries);
        }
        long entry = address + headerBytes();
        for (int i = 0; i < size; i++) {
            if (RawMemory.getByte(entry) != 0) {
                throw new IllegalArgumentException("its inflight region says that another back end took chain " + i
                    + " and never used it, which Baton does not do for it");
            }
            entry += entryBytes();
        }
    }

    private int headerBytes() {
        return format == RingFormat.PACKED ? PACKED_HEADER : SPLIT_HEADER;
    }

    private int entryBytes() {
        return format == RingFormat.PACKED ? PACKED_ENTRY : SPLIT_ENTRY;
    }

    private int finish(VirtqueueLayout layout) {
        int size = layout.size();
        long word = RawMemory.getLongAcquire(address + PACKED_USED_OFFSET);
        int from = position(word >>> OLD_SHIFT, word >>> OLD_WRAP_SHIFT);
        int to = position(word, word >>> WRAP_SHIFT);
        if (PackedPosition.slot(from) >= size || PackedPosition.slot(to) >= size) {
            throw new IllegalArgumentException("its inflight region says 0x" + Integer.toHexString(from) + " and 0x"
                + Integer.toHexString(to) + ", which is outside a ring of " + size);
        }
        long journal = RawMemory.getLong(address + JOURNAL_OFFSET);
        PackedRecovery recovery = new PackedRecovery(layout.descriptorTable(), size);
        if (from == to) {
            return to;
        }
        int second = secondSlot(journal);
        if (journal != journal(from, to, second)) {
            return recovery.isShown(from) ? to : from;
        }
        return recovery.finish(from, to, second, RawMemory.getLong(address + FIRST_OFFSET));
    }

    /** Not checked. */
    private static int secondSlot(long journal) {
        return (journal & FIRST_IS_ALL) == FIRST_IS_ALL ? PackedRecovery.NO_SECOND
            : (int) (journal >>> SECOND_SHIFT) & INDEX_MASK;
    }

    private static int position(long slot, long wrap) {
        return (int) (slot & INDEX_MASK) | ((wrap & 1) != 0 ? PackedPosition.WRAP : 0);
    }

    private static long journal(int from, int to, int second) {
        long kind = second == PackedRecovery.NO_SECOND ? FIRST_IS_ALL : SEVERAL | (long) second << SECOND_SHIFT;
        return kind | from | (long) to << OLD_SHIFT;
    }

    /** From now on the region knows where the virtqueue stands, which is here. Nobody runs the virtqueue. */
    public void begin(QueueState at, int size) {
        if (format == RingFormat.SPLIT) {
            writeSplit(address, at.usedIdx());
        } else {
            writePacked(address, at.usedIdx());
        }
        if (RawMemory.getShort(address + VERSION_OFFSET) != VERSION) {
            RawMemory.putShort(address + HEADS_OFFSET, (short) 0);
            if (format == RingFormat.PACKED) {
                RawMemory.putShort(address + HEADS_OFFSET + Short.BYTES, (short) 0);
                linkFreeEntries(size);
            }
            RawMemory.putShort(address + ENTRIES_OFFSET, (short) entries);
            RawMemory.putShortRelease(address + VERSION_OFFSET, (short) VERSION);
        }
    }

    /** For a back end that comes after this one: it finds room for as many descriptors as the virtqueue has. */
    private void linkFreeEntries(int size) {
        for (int i = 0; i < size; i++) {
            long entry = address + PACKED_HEADER + (long) PACKED_ENTRY * i;
            RawMemory.putByte(entry, (byte) 0);
            RawMemory.putShort(entry + NEXT_OFFSET, (short) (i + 1));
        }
    }

    /** The front end is told where the virtqueue stopped; what it says next time is believed. */
    public void end() {
        RawMemory.putShortRelease(address + VERSION_OFFSET, (short) 0);
    }

    /** A split virtqueue has shown all up to here. */
    static void writeSplit(long address, int usedIdx) {
        RawMemory.putShortRelease(address + SPLIT_USED_OFFSET, (short) usedIdx);
    }

    /** A packed virtqueue has shown all up to here. */
    static void writePacked(long address, int used) {
        writePositions(address, used, used);
    }

    /** A packed virtqueue is about to show used descriptors: before the first store to the ring. */
    static void writeShowing(long address, int from, int to, int second, long first) {
        RawMemory.putLong(address + FIRST_OFFSET, first);
        RawMemory.putLong(address + JOURNAL_OFFSET, journal(from, to, second));
        writePositions(address, from, to);
        RawMemory.storeStoreFence();
    }

    private static void writePositions(long address, int from, int to) {
        long wraps = (to >>> 15 & 1L) << WRAP_SHIFT | (from >>> 15 & 1L) << OLD_WRAP_SHIFT;
        RawMemory.putLongRelease(address + PACKED_USED_OFFSET,
            wraps | PackedPosition.slot(to) | (long) PackedPosition.slot(from) << OLD_SHIFT);
    }
}
