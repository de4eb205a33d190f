package dev.baton.datapath;

import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import org.agrona.concurrent.UnsafeBuffer;
import org.agrona.concurrent.status.CountersReader;

/**
 * The shared memory that holds a datapath's counters: Agrona's own layout behind one page that tells where it lies.
 *
 * <pre>
 *       0  magic       8 bytes  "BATONCNT"
 *       8  version     4 bytes
 *      12  counters    4 bytes  capacity
 *      16  process id  8 bytes
 *      24  ready       4 bytes  1, written last with release
 *    4096  metadata    512 bytes each counter (Agrona CountersReader)
 *     ...  values      128 bytes each counter
 * </pre>
 */
final class CountersLayout {
    static final int VERSION = 1;
    /** Enough for 500 queue pairs; the memory is populated only where counters are in use. */
    static final int CAPACITY = 16_384;

    private static final long MAGIC = 0x544E434E4F544142L;
    private static final int MAGIC_OFFSET = 0;
    private static final int VERSION_OFFSET = 8;
    private static final int CAPACITY_OFFSET = 12;
    private static final int PID_OFFSET = 16;
    private static final int READY_OFFSET = 24;
    private static final int HEADER_LENGTH = 4096;

    private CountersLayout() {
    }

    static long lengthBytes(int capacity) {
        return HEADER_LENGTH + (long) capacity * (CountersReader.METADATA_LENGTH + CountersReader.COUNTER_LENGTH);
    }

    static void format(Mapping mapping) {
        long base = mapping.address();
        RawMemory.putLong(base + MAGIC_OFFSET, MAGIC);
        RawMemory.putInt(base + VERSION_OFFSET, VERSION);
        RawMemory.putInt(base + CAPACITY_OFFSET, CAPACITY);
        RawMemory.putLong(base + PID_OFFSET, ProcessHandle.current().pid());
        RawMemory.putIntRelease(base + READY_OFFSET, 1);
    }

    /** Returns the capacity that the header tells, after checking that the memory is what it claims to be. */
    static int check(Mapping mapping) {
        long base = mapping.address();
        if (mapping.length() < HEADER_LENGTH || RawMemory.getIntAcquire(base + READY_OFFSET) != 1
            || RawMemory.getLong(base + MAGIC_OFFSET) != MAGIC) {
            throw new DatapathException("this memory holds no counters of a Baton datapath");
        }
        int version = RawMemory.getInt(base + VERSION_OFFSET);
        if (version != VERSION) {
            throw new DatapathException("counters of version " + version + ", this Baton reads version " + VERSION);
        }
        int capacity = RawMemory.getInt(base + CAPACITY_OFFSET);
        if (capacity <= 0 || lengthBytes(capacity) > mapping.length()) {
            throw new DatapathException("the counters memory is shorter than its " + capacity + " counters");
        }
        return capacity;
    }

    static UnsafeBuffer metadata(Mapping mapping, int capacity) {
        return new UnsafeBuffer(mapping.address() + HEADER_LENGTH, capacity * CountersReader.METADATA_LENGTH);
    }

    static UnsafeBuffer values(Mapping mapping, int capacity) {
        return new UnsafeBuffer(mapping.address() + HEADER_LENGTH + (long) capacity * CountersReader.METADATA_LENGTH,
            capacity * CountersReader.COUNTER_LENGTH);
    }
}
