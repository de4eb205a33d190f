package dev.baton.datapath;

import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import java.util.ArrayList;
import java.util.List;
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
 *      32  owners      4 bytes  number of the threads that touch rings and connections
 *      36  owner ids   4 bytes each, the kernel's numbers; 0: not started
 *    4096  metadata    512 bytes each counter (Agrona CountersReader)
 *     ...  values      128 bytes each counter
 * </pre>
 */
final class CountersLayout {
    static final int VERSION = 1;
    /** Enough for 500 queue pairs; the memory is populated only where counters are in use. */
    static final int CAPACITY = 16_384;

    /** Agrona counts the bytes of its metadata in an int. */
    private static final int MAX_CAPACITY = Integer.MAX_VALUE / CountersReader.METADATA_LENGTH;
    private static final long MAGIC = 0x544E434E4F544142L;
    private static final int MAGIC_OFFSET = 0;
    private static final int VERSION_OFFSET = 8;
    private static final int CAPACITY_OFFSET = 12;
    private static final int PID_OFFSET = 16;
    private static final int READY_OFFSET = 24;
    private static final int OWNERS_OFFSET = 32;
    private static final int OWNER_IDS_OFFSET = 36;
    private static final int HEADER_LENGTH = 4096;
    private static final int MAX_OWNERS = (HEADER_LENGTH - OWNER_IDS_OFFSET) / Integer.BYTES;

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
        if (capacity <= 0 || capacity > MAX_CAPACITY || lengthBytes(capacity) > mapping.length()) {
            throw new DatapathException("the counters memory is shorter than its " + capacity + " counters");
        }
        return capacity;
    }

    /** Announces so many threads; more than there is room for are not told of. */
    static void owners(Mapping mapping, int count) {
        RawMemory.putInt(mapping.address() + OWNERS_OFFSET, count <= MAX_OWNERS ? count : 0);
    }

    static void owner(Mapping mapping, int index, int threadId) {
        if (index < MAX_OWNERS) {
            RawMemory.putIntRelease(mapping.address() + OWNER_IDS_OFFSET + (long) Integer.BYTES * index, threadId);
        }
    }

    /** The ids of all threads that were announced; empty when they are not all known. */
    static List<Integer> owners(Mapping mapping) {
        int count = RawMemory.getInt(mapping.address() + OWNERS_OFFSET);
        List<Integer> ids = new ArrayList<>();
        for (int i = 0; i < count && count <= MAX_OWNERS; i++) {
            int id = RawMemory.getIntAcquire(mapping.address() + OWNER_IDS_OFFSET + (long) Integer.BYTES * i);
            if (id <= 0) {
                return List.of();
            }
            ids.add(id);
        }
        return ids;
    }

    static UnsafeBuffer metadata(Mapping mapping, int capacity) {
        return new UnsafeBuffer(mapping.address() + HEADER_LENGTH, capacity * CountersReader.METADATA_LENGTH);
    }

    static UnsafeBuffer values(Mapping mapping, int capacity) {
        return new UnsafeBuffer(mapping.address() + valuesOffset(capacity), capacity * CountersReader.COUNTER_LENGTH);
    }

    /**
     * A reader of counters that others have written, after checking what it believes.
     *
     * @throws DatapathException the memory is not what it claims to be
     */
    static CountersReader reader(Mapping mapping) {
        int capacity = check(mapping);
        UnsafeBuffer metadata = metadata(mapping, capacity);
        for (int id = 0; id < capacity; id++) {
            int record = CountersReader.metaDataOffset(id);
            if (metadata.getIntVolatile(record) == CountersReader.RECORD_UNUSED) {
                break;
            }
            int length = metadata.getInt(record + CountersReader.LABEL_OFFSET);
            if (length < 0 || length > CountersReader.MAX_LABEL_LENGTH) {
                throw new DatapathException("counter " + id + " has a label of " + length + " bytes");
            }
        }
        return new CountersReader(metadata, values(mapping, capacity));
    }

    /** Has the memory of the values of the first counters ready to be written. */
    static void populate(Mapping mapping, int counters) {
        mapping.advise(valuesOffset(check(mapping)), (long) counters * CountersReader.COUNTER_LENGTH,
            Mapping.MADV_POPULATE_WRITE);
    }

    private static long valuesOffset(int capacity) {
        return HEADER_LENGTH + (long) capacity * CountersReader.METADATA_LENGTH;
    }
}
