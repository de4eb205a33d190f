package dev.baton.virtqueue;

import dev.baton.ffi.RawMemory;
import org.jspecify.annotations.Nullable;

/**
 * A flyweight over the line of shared memory in which a virtqueue's owner keeps its {@link QueueState}, so that another
 * owner, perhaps in another process, can go on at any burst boundary without a word from this one.
 *
 * <pre>
 *    0  position   8   lastAvailIdx:16 | usedIdx:16 | signalledUsed:16 | flags:8 | fault:8, lowest bits first
 *    8  journal    8   from:16 | to:16 | kind:8 (0 none, 1 several, 2 first is all) | second:16, lowest bits first
 *   16  first      8   second half of a used descriptor
 *   24  reserved  40   0; fills the cache line
 *
 *   flags   1  RUNNING     the virtqueue is started
 *           2  SIGNALLED   signalledUsed is known
 *   fault   0  none, else {@link VirtqueueFault#code}
 * </pre>
 *
 * <p>The journal is a packed virtqueue's: before its owner shows used descriptors it says from where to where they
 * stand for chains, in which slot the second of several is, and which one, the first, will be written last. It means
 * something only as long as {@code usedIdx} is where it begins.
 *
 * <p>The whole state is one aligned word: a virtqueue's owner writes it once per burst with one release store, and who
 * reads it has a consistent one. Its content is believed by nobody before {@link QueueState#check} has passed it.
 */
public final class QueueRecord {
    /** Length of a record, and its alignment: a cache line, so that two owners do not share one. */
    public static final int BYTES = 64;

    private static final int POSITION_OFFSET = 0;
    private static final int JOURNAL_OFFSET = 8;
    private static final int FIRST_OFFSET = 16;
    private static final int INDEX_MASK = 0xFFFF;
    private static final int USED_SHIFT = 16;
    private static final int SIGNALLED_SHIFT = 32;
    private static final int FLAGS_SHIFT = 48;
    private static final int FAULT_SHIFT = 56;
    private static final int TO_SHIFT = 16;
    private static final int KIND_SHIFT = 32;
    private static final int SECOND_SHIFT = 40;
    private static final long KIND_MASK = 0xFF;
    private static final long SEVERAL = 1;
    private static final long FIRST_IS_ALL = 2;
    private static final int RUNNING = 1;
    private static final int SIGNALLED = 2;

    private final long address;

    /**
     * A record at this place.
     *
     * @param address aligned to {@value #BYTES}; that many bytes stay mapped as long as the record is used
     */
    public QueueRecord(long address) {
        if (address == 0 || (address & BYTES - 1) != 0) {
            throw new IllegalArgumentException("a queue record at 0x" + Long.toHexString(address));
        }
        this.address = address;
    }

    long address() {
        return address;
    }

    /** No virtqueue is started. */
    public void clear() {
        RawMemory.putLong(address + JOURNAL_OFFSET, 0);
        RawMemory.putLongRelease(address + POSITION_OFFSET, 0);
    }

    /** Whether its virtqueue is started. */
    public boolean running() {
        return (flags(RawMemory.getLongAcquire(address + POSITION_OFFSET)) & RUNNING) != 0;
    }

    /**
     * The state of the started virtqueue at its last burst boundary; not yet checked against its size.
     *
     * @throws IllegalArgumentException when no virtqueue is started, or this is no record of this version
     */
    public QueueState state() {
        long position = RawMemory.getLongAcquire(address + POSITION_OFFSET);
        int flags = flags(position);
        if ((flags & RUNNING) == 0 || (flags & ~(RUNNING | SIGNALLED)) != 0) {
            throw new IllegalArgumentException("the queue record 0x" + Long.toHexString(position)
                + ((flags & RUNNING) == 0 ? " is of no started virtqueue" : " has unknown flags"));
        }
        int signalled = (int) (position >>> SIGNALLED_SHIFT) & INDEX_MASK;
        return new QueueState((int) position & INDEX_MASK, (int) (position >>> USED_SHIFT) & INDEX_MASK,
            (flags & SIGNALLED) != 0 ? signalled : QueueState.UNSIGNALLED,
            VirtqueueFault.ofCode((int) (position >>> FAULT_SHIFT)));
    }

    /** The one store of a burst; see {@link #BYTES} for where it goes. */
    static void write(long address, int lastAvailIdx, int usedIdx, int signalledUsed, @Nullable VirtqueueFault fault) {
        long flags = signalledUsed == QueueState.UNSIGNALLED ? RUNNING : RUNNING | SIGNALLED;
        long faultCode = fault == null ? 0 : fault.code();
        RawMemory.putLongRelease(address + POSITION_OFFSET, lastAvailIdx | (long) usedIdx << USED_SHIFT
            | (signalledUsed & (long) INDEX_MASK) << SIGNALLED_SHIFT | flags << FLAGS_SHIFT | faultCode << FAULT_SHIFT);
    }

    private static int flags(long position) {
        return (int) (position >>> FLAGS_SHIFT) & 0xFF;
    }

    /** The fault of the record, or another where it has none that can be read. */
    @Nullable VirtqueueFault faultOr(@Nullable VirtqueueFault other) {
        try {
            return state().fault();
        } catch (IllegalArgumentException e) {
            return other;
        }
    }

    /**
     * Says what is about to be shown, before the first store to the ring.
     *
     * @param second slot of the second used descriptor, or {@link PackedRecovery#NO_SECOND}
     */
    static void writeJournal(long address, int from, int to, int second, long first) {
        long kind = second == PackedRecovery.NO_SECOND ? FIRST_IS_ALL
            : SEVERAL | (long) second << (SECOND_SHIFT - KIND_SHIFT);
        RawMemory.putLong(address + FIRST_OFFSET, first);
        RawMemory.putLongRelease(address + JOURNAL_OFFSET, from | (long) to << TO_SHIFT | kind << KIND_SHIFT);
        RawMemory.storeStoreFence();
    }

    /** Whether the owner at this position was showing what it had used, or had just shown it. */
    boolean showing(QueueState position) {
        long journal = journal();
        return kind(journal) != 0 && (journal & INDEX_MASK) == position.usedIdx();
    }

    /** The position after all that was being shown; not checked. */
    int shownAt() {
        return (int) (journal() >>> TO_SHIFT) & INDEX_MASK;
    }

    private static long kind(long journal) {
        return journal >>> KIND_SHIFT & KIND_MASK;
    }

    /** Slot of the second used descriptor that was being shown, not checked, or {@link PackedRecovery#NO_SECOND}. */
    int secondSlot() {
        long journal = journal();
        return kind(journal) == FIRST_IS_ALL ? PackedRecovery.NO_SECOND : (int) (journal >>> SECOND_SHIFT) & INDEX_MASK;
    }

    private long journal() {
        return RawMemory.getLongAcquire(address + JOURNAL_OFFSET);
    }

    /** The used descriptor that is written last. */
    long first() {
        return RawMemory.getLong(address + FIRST_OFFSET);
    }
}
