package dev.baton.virtqueue;

import dev.baton.ffi.RawMemory;
import org.jspecify.annotations.Nullable;

/**
 * A flyweight over the line of shared memory in which a virtqueue's owner keeps its {@link QueueState}, so that another
 * owner, perhaps in another process, can go on at any burst boundary without a word from this one.
 *
 * <pre>
 *    0  position   8   lastAvailIdx:16 | usedIdx:16 | signalledUsed:16 | flags:8 | fault:8, lowest bits first
 *    8  reserved   8   0; wrap counters of a packed virtqueue
 *   16  reserved  48   0; fills the cache line
 *
 *   flags   1  RUNNING     the virtqueue is started
 *           2  SIGNALLED   signalledUsed is known
 *   fault   0  none, else {@link VirtqueueFault#code}
 * </pre>
 *
 * <p>The whole state is one aligned word: a virtqueue's owner writes it once per burst with one release store, and who
 * reads it has a consistent one. Its content is believed by nobody before {@link QueueState#check} has passed it.
 */
public final class QueueRecord {
    /** Length of a record, and its alignment: a cache line, so that two owners do not share one. */
    public static final int BYTES = 64;

    private static final int POSITION_OFFSET = 0;
    private static final int INDEX_MASK = 0xFFFF;
    private static final int USED_SHIFT = 16;
    private static final int SIGNALLED_SHIFT = 32;
    private static final int FLAGS_SHIFT = 48;
    private static final int FAULT_SHIFT = 56;
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
}
