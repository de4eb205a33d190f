package dev.baton.virtqueue;

import dev.baton.ffi.Fd;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.MemFd;
import dev.baton.ffi.RawMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/**
 * A hostile driver and a device, step by step as some bytes say: what a fuzzer runs on a ring of any format.
 *
 * <pre>
 *   0  size        queue size, as a power of two, modulo 5
 *   1  direction   bit 0: the device writes
 *   2  features    bit 0 INDIRECT_DESC, bit 1 EVENT_IDX, bit 2 MRG_RXBUF, bit 3 VERSION_1
 *   3  position    8 bytes, the queue's record as it arrives from another owner ({@link QueueRecord})
 *  11  steps       a byte modulo 8, then
 *        0 descriptor   table:8 | index:8 | the 16 bytes of a descriptor
 *        1 head         slot:8 | head:16               in the available ring
 *        2 index        16                             of the available ring
 *        3 fetch        most:8 | enough:8 | used:8     that many chains at most are fetched, and as many as said used
 *        4 poke         offset:16 | 8 bytes            anywhere in the region that holds the rings
 *        5 suppression  bit 0: on, else off, with a look
 *        6 memory       bit 0: all regions, else without the first one
 *        7 owner        the next owner goes on from the state
 * </pre>
 *
 * <p>The rings lie in guest memory, so that what the device writes may be the rings. Behind each region the mapping has
 * no file: a byte read or written there is an InternalError. Every segment is looked at, every chain is counted.
 */
final class RingProgram {
    private static final long REGION = 4 * Mapping.pageSize();
    private static final long GUARD = 2 * Mapping.pageSize();
    private static final long LOW = 0x1_0000;
    private static final long HIGH = LOW + REGION;
    private static final long FAR = 0x10_0000;
    private static final int TABLES = 8;
    private static final int TABLE_BYTES = 256;
    private static final long[] FEATURES = {Features.INDIRECT_DESC, Features.EVENT_IDX, Features.MRG_RXBUF,
        Features.VERSION_1};
    private static final int MOST_CHAINS = 8;
    private static final int LONGEST_TOUCH = 64;

    // For the life of the process: a fuzzer runs some thousand programs a second.
    private static final Mapping[] REGIONS = {guarded(), guarded(), guarded()};
    private static final GuestMemory ALL = GuestMemory.of(List.of(region(0, LOW), region(1, HIGH), region(2, FAR)));
    private static final GuestMemory SOME = GuestMemory.of(List.of(region(1, HIGH), region(2, FAR)));
    private static final ChainBurst BURST = new ChainBurst(MOST_CHAINS, 1100);
    private static final long RECORD = Mapping.anonymous(QueueRecord.BYTES).address();

    private final ByteBuffer input;
    private final VirtqueueLayout layout;
    private final boolean writable;
    private final long features;
    private Virtqueue queue;
    private int touched;

    private RingProgram(ByteBuffer input, RingFormat format) {
        this.input = input;
        int size = 1 << (input.get() & 0xFF) % 5;
        long end = REGIONS[2].address() + REGION;
        layout = VirtqueueLayout.contiguous(format, size, end - VirtqueueLayout.contiguousBytes(format, size));
        writable = (input.get() & 1) != 0;
        features = features(input.get());
        RawMemory.putLong(RECORD, input.getLong());
        queue = Virtqueue.of(layout, ALL, features, new QueueRecord(RECORD).state());
    }

    /** Runs a program to the end of its bytes; what breaks is thrown. */
    static void run(byte[] program, RingFormat format) {
        ByteBuffer input = ByteBuffer.wrap(program).order(ByteOrder.LITTLE_ENDIAN);
        if (input.remaining() < 11) {
            return;
        }
        for (Mapping region : REGIONS) {
            RawMemory.fill(region.address(), REGION, (byte) 0);
        }
        RingProgram running;
        try {
            running = new RingProgram(input, format);
        } catch (IllegalArgumentException refused) {
            return;
        }
        while (input.hasRemaining() && running.step((input.get() & 0xFF) % 8)) {
            // One after the other.
        }
    }

    private static Mapping guarded() {
        try (Fd file = MemFd.create("fuzz", REGION)) {
            return Mapping.shared(file, 0, REGION + GUARD);
        }
    }

    private static MemoryRegion region(int index, long guestAddress) {
        return new MemoryRegion(guestAddress, REGION, 1, REGIONS[index].address());
    }

    private static long features(byte bits) {
        long features = 0;
        for (int i = 0; i < FEATURES.length; i++) {
            features |= (bits >> i & 1) != 0 ? FEATURES[i] : 0;
        }
        return features;
    }

    /** False at the end of the bytes. */
    private boolean step(int code) {
        int bytes = switch (code) {
            case 0 -> 18;
            case 1, 3 -> 3;
            case 2 -> 2;
            case 4 -> 10;
            case 5, 6 -> 1;
            default -> 0;
        };
        if (input.remaining() < bytes) {
            return false;
        }
        switch (code) {
            case 0 -> descriptor(input.get() & 0xFF, input.get() & 0xFF);
            case 1 -> RawMemory.putShort(layout.availableRing() + 4 + 2L * ((input.get() & 0xFF) % layout.size()),
                input.getShort());
            case 2 -> RawMemory.putShort(layout.availableRing() + 2, input.getShort());
            case 3 -> fetch(input.get() & 0xFF, input.get() & 0xFF, input.get() & 0xFF);
            case 4 -> poke((input.getShort() & 0xFFFF) % (REGION - 8), input.getLong());
            case 5 -> suppress((input.get() & 1) != 0);
            case 6 -> queue.memory((input.get() & 1) != 0 ? ALL : SOME, layout);
            default -> queue = Virtqueue.of(layout, ALL, features, queue.state());
        }
        return true;
    }

    private void descriptor(int table, int index) {
        long at = table % 2 == 0
            ? layout.descriptorTable() + 16L * (index % layout.size())
            : REGIONS[1].address() + (long) TABLE_BYTES * (table / 2 % TABLES) + 16L * (index % 16);
        RawMemory.putLong(at, input.getLong());
        RawMemory.putLong(at + 8, input.getLong());
    }

    private void poke(long offset, long value) {
        for (int i = 0; i < Long.BYTES; i++) {
            RawMemory.putByte(REGIONS[2].address() + offset + i, (byte) (value >> (8 * i)));
        }
    }

    private void suppress(boolean on) {
        if (on) {
            queue.disableNotifications();
        } else {
            queue.enableNotifications();
        }
    }

    private void fetch(int most, int enough, int used) {
        boolean faulty = queue.fault() != null;
        int count = writable ? queue.fetchWritable(BURST, most, enough == 0 ? Long.MAX_VALUE : 16L * enough)
            : queue.fetchReadable(BURST, most);
        require(count == BURST.count() && count <= most && count <= MOST_CHAINS, count + " chains of " + most);
        require(count == 0 || !faulty, "chains of a queue with a fault");
        for (int i = 0; i < count; i++) {
            check(i);
        }
        for (int i = 0; i < Math.min(used, count); i++) {
            queue.use(BURST.head(i), writable ? BURST.lengthBytes(i) : 0);
        }
        queue.publish();
    }

    private void check(int chain) {
        int first = BURST.firstSegment(chain);
        int segments = BURST.segmentCount(chain);
        require(segments >= 1 && segments <= ChainBurst.MAX_SEGMENTS_PER_CHAIN, segments + " segments");
        long sum = 0;
        for (int s = first; s < first + segments; s++) {
            long base = BURST.segmentBase(s);
            long length = BURST.segmentLength(s);
            require(inside(base, length), "a segment at " + Long.toHexString(base) + " of " + length + " bytes");
            touch(base, length);
            sum += length;
        }
        require(sum == BURST.lengthBytes(chain), sum + " bytes in the segments of " + BURST.lengthBytes(chain));
        require(sum >= VirtioNetHeader.length(features), sum + " bytes, less than a header");
    }

    private void touch(long base, long length) {
        if (writable) {
            RawMemory.fill(base, Math.min(length, LONGEST_TOUCH), (byte) (touched * 37));
            RawMemory.putByte(base + length - 1, (byte) touched);
        } else {
            touched += RawMemory.getByte(base) + RawMemory.getByte(base + length - 1);
        }
        touched++;
    }

    private static boolean inside(long base, long length) {
        for (Mapping region : REGIONS) {
            if (length > 0 && base >= region.address() && base - region.address() <= REGION - length) {
                return true;
            }
        }
        return false;
    }

    private static void require(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }
}
