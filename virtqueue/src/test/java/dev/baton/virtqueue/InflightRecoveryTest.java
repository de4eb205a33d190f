package dev.baton.virtqueue;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Queue;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A back end dies, and one that knows nothing but the inflight region goes on. Whatever stores of a publish the dead
 * one had done, the driver gets every chain back once and in order.
 */
class InflightRecoveryTest {
    private static final int SIZE = 8;
    private static final int ENTRIES = 16;

    private final TestGuest guest = new TestGuest(1 << 16);
    private final Mapping memory = Mapping.anonymous(InflightQueue.bytes(RingFormat.PACKED, ENTRIES));
    private final ChainBurst burst = new ChainBurst(SIZE, 64);
    private final long buffer = guest.allocate(64);

    @AfterEach
    void freeMemory() {
        burst.close();
        memory.close();
        guest.close();
    }

    private VirtqueueDriver driver(VirtqueueLayout layout, long features) {
        RawMemory.fill(memory.address(), memory.length(), (byte) 0);
        return VirtqueueDriver.of(layout, features);
    }

    /** A back end that begins where the region says. */
    private Virtqueue backEnd(VirtqueueLayout layout, long features, int base) {
        InflightQueue region = new InflightQueue(memory.address(), layout.format(), ENTRIES);
        QueueState at = region.place(base, layout, features);
        region.begin(at, SIZE);
        Virtqueue queue = Virtqueue.of(layout, guest.memory(), features, at);
        queue.inflight(region);
        return queue;
    }

    @ParameterizedTest
    @CsvSource({"1 1 1 1,0,false", "1 1 1 1,5,false", "2 1 3,0,false", "3 2 2,6,false", "1,7,false", "1 2 1,3,true",
        "2 2,7,true", "1 1 1 1 1 1 1 1,0,false", "8,0,false", "4 4,5,true"})
    void afterAnyStoreOfAPublishAnotherBackEndGoesOn(String shapes, int before, boolean inOrder) {
        VirtqueueLayout layout = guest.ring(RingFormat.PACKED, SIZE);
        int[] segments = Arrays.stream(shapes.split(" ")).mapToInt(Integer::parseInt).toArray();
        for (int stores = 0; stores <= segments.length + 4; stores++) {
            dieAfter(layout, stores, segments, before, inOrder);
        }
    }

    private void dieAfter(VirtqueueLayout layout, int stores, int[] segments, int before, boolean inOrder) {
        long features = Features.VERSION_1 | Features.RING_PACKED | (inOrder ? Features.IN_ORDER : 0);
        RawMemory.fill(layout.descriptorTable(), 16L * SIZE, (byte) 0);
        VirtqueueDriver driver = driver(layout, features);
        Virtqueue owner = backEnd(layout, features, 0x8000);
        for (int i = 0; i < before; i++) {
            add(driver, 1);
            useAll(owner, 1);
            assertThat(driver.pollUsed()).isNotNegative();
        }
        Queue<Integer> inFlight = new ArrayDeque<>();
        for (int count : segments) {
            inFlight.add(add(driver, count));
        }
        int regionLongs = (int) memory.length() / Long.BYTES;
        long[] ringBefore = image(layout.descriptorTable(), 2 * SIZE);
        long[] regionBefore = image(memory.address(), regionLongs);
        useAll(owner, segments.length);
        undoLastStores(layout, stores, ringBefore, regionBefore, before % SIZE);

        Virtqueue next = backEnd(layout, features, 0x8000);
        String after = stores + " stores of " + Arrays.toString(segments);
        drain(driver, inFlight, after);
        int left = next.fetchReadable(burst, SIZE);
        assertThat(left).as(after).isEqualTo(inFlight.size());
        next.use(burst, 0, left);
        next.publish();
        drain(driver, inFlight, after);
        assertThat(inFlight).as(after).isEmpty();
        assertThat(new InflightQueue(memory.address(), RingFormat.PACKED, ENTRIES).place(0, layout, features).usedIdx())
            .as(after).isEqualTo(next.state().usedIdx());
    }

    /**
     * What memory looks like when only the first {@code stores} stores were done: the journal's first, its word, the
     * positions before; then the used descriptors but the first in the order of the ring, then the first, then the
     * positions after.
     */
    private void undoLastStores(VirtqueueLayout layout, int stores, long[] ringBefore, long[] regionBefore,
                                int first) {
        long ring = layout.descriptorTable();
        long region = memory.address();
        int done = 0;
        if (done++ >= stores) {
            RawMemory.putLong(region + 56, regionBefore[7]);
        }
        if (done++ >= stores) {
            RawMemory.putLong(region + 40, regionBefore[5]);
        }
        boolean begun = done++ < stores;
        for (int i = 1; i < SIZE; i++) {
            int word = 2 * ((first + i) % SIZE) + 1;
            boolean written = RawMemory.getLong(ring + 8L * word) != ringBefore[word];
            if (written && done++ >= stores) {
                RawMemory.putLong(ring + 8L * word, ringBefore[word]);
            }
        }
        if (done++ >= stores) {
            RawMemory.putLong(ring + 16L * first + 8, ringBefore[2 * first + 1]);
        }
        if (done >= stores) {
            long old = regionBefore[2];
            long used = RawMemory.getLong(region + 16) & 0xFF_0000_FFFFL;
            long wasUsed = (old & 0xFFFFL) << 16 | (old & 0xFF_0000_0000L) << 8;
            RawMemory.putLong(region + 16, begun ? used | wasUsed : old);
        }
    }

    /** Of a split virtqueue the ring says all; what the region says is for others. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aSplitRingSaysItself(boolean inOrder) {
        long features = Features.VERSION_1 | (inOrder ? Features.IN_ORDER : 0);
        VirtqueueLayout layout = guest.ring(RingFormat.SPLIT, SIZE);
        VirtqueueDriver driver = driver(layout, features);
        Virtqueue owner = backEnd(layout, features, 0);
        for (int i = 0; i < 5; i++) {
            add(driver, 1);
        }
        useAll(owner, 2);
        assertThat(RawMemory.getShort(memory.address() + 14)).as("used_idx").isEqualTo((short) 2);
        assertThat(owner.fetchReadable(burst, 2)).isEqualTo(2);
        owner.use(burst, 0, 2);

        Virtqueue next = backEnd(layout, features, 5);
        assertThat(next.fetchReadable(burst, SIZE)).as("taken and not shown: taken again").isEqualTo(3);
        next.use(burst, 0, 3);
        next.publish();
        assertThat(RawMemory.getShort(memory.address() + 14)).isEqualTo((short) 5);
        for (int i = 0; i < SIZE; i++) {
            assertThat(RawMemory.getByte(memory.address() + 16 + 16L * i)).as("in flight").isZero();
        }
    }

    /** As the specification has it, where a back end of another make died and left nothing in flight. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aRegionWithoutAJournalIsReadByTheFlags(boolean shown) {
        long features = Features.VERSION_1 | Features.RING_PACKED;
        VirtqueueLayout layout = guest.ring(RingFormat.PACKED, SIZE);
        VirtqueueDriver driver = driver(layout, features);
        Virtqueue owner = backEnd(layout, features, 0x8000);
        add(driver, 1);
        long available = RawMemory.getLong(layout.descriptorTable() + 8);
        useAll(owner, 1);
        RawMemory.putLong(memory.address() + 40, 0x1234);
        RawMemory.putLong(memory.address() + 16, 0x0101_0000_0001L);
        if (!shown) {
            RawMemory.putLong(layout.descriptorTable() + 8, available);
        }
        assertThat(backEnd(layout, features, 0).state().usedIdx()).isEqualTo(shown ? 0x8001 : 0x8000);
    }

    /** Whatever a front end writes to the region, the ring begins in itself, or is refused. */
    @Test
    void nonsenseInTheRegionIsNonsenseToItsOwnRing() {
        long features = Features.VERSION_1 | Features.RING_PACKED;
        VirtqueueLayout layout = guest.ring(RingFormat.PACKED, SIZE);
        Random random = new Random(7);
        int begun = 0;
        int finished = 0;
        for (int round = 0; round < 20_000; round++) {
            VirtqueueDriver driver = driver(layout, features);
            add(driver, 1);
            RawMemory.putLong(memory.address() + 8, 0x10_0001);
            RawMemory.putLong(memory.address() + 16, random.nextLong() & 0xFFFF_000F_000FL);
            long positions = RawMemory.getLong(memory.address() + 16);
            long from = (positions >>> 16 & 0xF) | (positions >>> 40 & 1) << 15;
            long to = (positions & 0xF) | (positions >>> 32 & 1) << 15;
            boolean several = round % 2 == 0;
            long kind = several ? 1L << 48 | (long) random.nextInt(2 * SIZE) << 32 : 2L << 48;
            RawMemory.putLong(memory.address() + 40, 0xBAL << 56 | kind | from | to << 16);
            long first = random.nextLong();
            RawMemory.putLong(memory.address() + 56, first);
            for (int word = 1; word < 2 * SIZE; word += 2) {
                RawMemory.putLong(layout.descriptorTable() + 8L * word, random.nextLong());
            }
            try {
                Virtqueue queue = backEnd(layout, features, 0x8000);
                int slot = (int) from & 0x7FFF;
                finished += RawMemory.getLong(layout.descriptorTable() + 16L * slot + 8) == first ? 1 : 0;
                assertThat(PackedPosition.slot(queue.state().usedIdx())).isLessThan(SIZE);
                assertThat(queue.fetchReadable(burst, SIZE)).isNotNegative();
                begun++;
            } catch (IllegalArgumentException refused) {
                assertThat(refused).hasMessageStartingWith("its inflight region says 0x");
            }
        }
        assertThat(begun).isPositive();
        assertThat(finished).as("journals that were believed").isPositive();
    }

    private int add(VirtqueueDriver driver, int segments) {
        long[] addresses = new long[segments];
        int[] lengths = new int[segments];
        Arrays.fill(addresses, buffer);
        Arrays.fill(lengths, 20);
        int id = driver.addReadable(addresses, lengths, segments);
        driver.publish();
        return id;
    }

    private void useAll(Virtqueue owner, int count) {
        assertThat(owner.fetchReadable(burst, count)).isEqualTo(count);
        owner.use(burst, 0, count);
        owner.publish();
    }

    private static void drain(VirtqueueDriver driver, Queue<Integer> inFlight, String after) {
        for (int id = driver.pollUsed(); id >= 0; id = driver.pollUsed()) {
            assertThat(id).as(after).isEqualTo(inFlight.remove());
        }
    }

    private static long[] image(long address, int longs) {
        long[] words = new long[longs];
        for (int i = 0; i < longs; i++) {
            words[i] = RawMemory.getLong(address + 8L * i);
        }
        return words;
    }
}
