package dev.baton.datapath;

import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.MemFd;
import dev.baton.ffi.RawMemory;
import dev.baton.virtqueue.QueueRecord;
import java.util.BitSet;

/**
 * The baton: all that the next owner of a datapath must know to go on with the next burst, in a memfd that both owners
 * map. To hand over is to change one word in it, a lane's epoch.
 *
 * <pre>
 *       0  magic        8   "BATONMEM"
 *       8  version      4
 *      12  lanes        4   capacity
 *      16  queues       4   capacity
 *      20  slots        4   capacity
 *      24  ready        4   1, written last with release
 *      32  succession   8   {@link Succession}
 *      64  unsettled 2048   a byte for each queue record: of a port's first one, 1 while its owner has messages of
 *                           the front-end's in its hands that not all standbys have been told of
 *    4096  lanes      256   bytes each: {@link LaneRecord}
 *     ...  queues      64   bytes each: {@link QueueRecord}
 *     ...  slots   262144   bytes each: {@link StagingSlot}
 * </pre>
 *
 * <p>The file is sparse, and sealed at its size, so that nobody who maps it can make another fault. Which records are
 * in use is the conductor's to know and travels in the description of the datapath, not here.
 */
final class Baton implements AutoCloseable {
    static final int VERSION = 1;

    private static final int LANES = 512;
    private static final int QUEUES = 2048;
    private static final int SLOTS = 512;
    private static final long MAGIC = 0x4D454D4E4F544142L;
    private static final int VERSION_OFFSET = 8;
    private static final int LANES_OFFSET = 12;
    private static final int QUEUES_OFFSET = 16;
    private static final int SLOTS_OFFSET = 20;
    private static final int READY_OFFSET = 24;
    private static final int SUCCESSION_OFFSET = 32;
    private static final int UNSETTLED_OFFSET = 64;
    private static final int HEADER_BYTES = 4096;
    private static final long QUEUES_START = HEADER_BYTES + (long) LANES * LaneRecord.BYTES;
    private static final long SLOTS_START = QUEUES_START + (long) QUEUES * QueueRecord.BYTES;
    private static final long LENGTH = SLOTS_START + (long) SLOTS * StagingSlot.BYTES;
    private static final int SEALS = MemFd.F_SEAL_SHRINK | MemFd.F_SEAL_GROW | MemFd.F_SEAL_SEAL;

    private final Fd fd;
    private final Mapping mapping;
    private final BitSet lanes = new BitSet();
    private final BitSet queues = new BitSet();
    private final BitSet slots = new BitSet();

    private Baton(Fd fd, Mapping mapping) {
        this.fd = fd;
        this.mapping = mapping;
    }

    /** A new baton, with nothing in use. */
    static Baton create(String name) {
        Fd fd = MemFd.create(name + "-baton", LENGTH, MemFd.MFD_CLOEXEC | MemFd.MFD_ALLOW_SEALING);
        try {
            MemFd.seal(fd, SEALS);
            Mapping mapping = Mapping.shared(fd, 0, LENGTH);
            format(mapping.address());
            return new Baton(fd, mapping);
        } catch (RuntimeException e) {
            fd.close();
            throw e;
        }
    }

    private static void format(long base) {
        RawMemory.putLong(base, MAGIC);
        RawMemory.putInt(base + VERSION_OFFSET, VERSION);
        RawMemory.putInt(base + LANES_OFFSET, LANES);
        RawMemory.putInt(base + QUEUES_OFFSET, QUEUES);
        RawMemory.putInt(base + SLOTS_OFFSET, SLOTS);
        RawMemory.putIntRelease(base + READY_OFFSET, 1);
    }

    /**
     * The baton of another owner.
     *
     * @param fd the memfd, owned by the baton from now on; when it throws it is still the caller's
     * @throws DatapathException when this is no baton, or one of another version
     */
    static Baton adopt(Fd fd) {
        if (!MemFd.isSealed(fd, MemFd.F_SEAL_SHRINK) || FileIo.size(fd) != LENGTH) {
            throw new DatapathException("this memory is no baton: it is not sealed at a baton's size");
        }
        Mapping mapping = Mapping.shared(fd, 0, LENGTH);
        long base = mapping.address();
        int version = RawMemory.getInt(base + VERSION_OFFSET);
        boolean known = RawMemory.getIntAcquire(base + READY_OFFSET) == 1 && RawMemory.getLong(base) == MAGIC;
        if (!known || version != VERSION || RawMemory.getInt(base + LANES_OFFSET) != LANES
            || RawMemory.getInt(base + QUEUES_OFFSET) != QUEUES || RawMemory.getInt(base + SLOTS_OFFSET) != SLOTS) {
            mapping.close();
            throw new DatapathException(known ? "a baton of version " + version + ", this Baton takes " + VERSION
                : "this memory is no baton");
        }
        // No page fault may come between two owners.
        mapping.advise(0, SLOTS_START, Mapping.MADV_POPULATE_WRITE);
        return new Baton(fd, mapping);
    }

    Fd fd() {
        return fd;
    }

    int allocateLane() {
        return allocate(lanes, LANES, 1, "lanes");
    }

    int allocateQueues(int count) {
        return allocate(queues, QUEUES, count, "virtqueues");
    }

    int allocateSlots(int count) {
        return allocate(slots, SLOTS, count, "TAP queues");
    }

    void reserveLane(int index) {
        reserve(lanes, LANES, index, 1, "lane");
    }

    void reserveQueues(int first, int count) {
        reserve(queues, QUEUES, first, count, "queue");
    }

    void reserveSlots(int first, int count) {
        reserve(slots, SLOTS, first, count, "staging");
        for (int i = first; i < first + count; i++) {
            mapping.advise(SLOTS_START + (long) i * StagingSlot.BYTES, Mapping.pageSize(), Mapping.MADV_POPULATE_WRITE);
        }
    }

    void freeLane(int index) {
        lanes.clear(index);
    }

    void freeQueues(int first, int count) {
        for (int i = first; i < first + count; i++) {
            queue(i).clear();
            unsettled(i, false);
        }
        queues.clear(first, first + count);
    }

    void freeSlots(int first, int count) {
        for (int i = first; i < first + count; i++) {
            slot(i).clear();
        }
        slots.clear(first, first + count);
    }

    /** The turn that comes next. */
    Succession succession() {
        return new Succession(mapping.address() + SUCCESSION_OFFSET);
    }

    /** Whether a port's owner has messages in its hands that a standby may not know of; by its first queue record. */
    boolean unsettled(int firstQueueRecord) {
        return RawMemory.getByte(mapping.address() + UNSETTLED_OFFSET + firstQueueRecord) != 0;
    }

    /** Who reads this reads it when this process is dead, so that no order of memory matters. */
    void unsettled(int firstQueueRecord, boolean unsettled) {
        RawMemory.putByte(mapping.address() + UNSETTLED_OFFSET + firstQueueRecord, (byte) (unsettled ? 1 : 0));
    }

    LaneRecord lane(int index) {
        return new LaneRecord(mapping.address() + HEADER_BYTES + (long) index * LaneRecord.BYTES);
    }

    QueueRecord queue(int index) {
        return new QueueRecord(mapping.address() + QUEUES_START + (long) index * QueueRecord.BYTES);
    }

    StagingSlot slot(int index) {
        return new StagingSlot(mapping.address() + SLOTS_START + (long) index * StagingSlot.BYTES);
    }

    private static int allocate(BitSet used, int capacity, int count, String what) {
        int first = used.nextClearBit(0);
        while (first + count <= capacity) {
            int next = used.nextSetBit(first);
            if (next < 0 || next >= first + count) {
                used.set(first, first + count);
                return first;
            }
            first = used.nextClearBit(next);
        }
        throw new DatapathException("no room for " + count + " more " + what + ": a datapath has at most " + capacity);
    }

    private static void reserve(BitSet used, int capacity, int first, int count, String what) {
        if (first < 0 || count < 0 || first > capacity - count) {
            throw new DatapathException(what + " record " + first + " lies outside the baton");
        }
        int taken = used.nextSetBit(first);
        if (taken >= 0 && taken < first + count) {
            throw new DatapathException(what + " record " + taken + " is named twice");
        }
        used.set(first, first + count);
    }

    @Override
    public void close() {
        mapping.close();
        fd.close();
    }
}
