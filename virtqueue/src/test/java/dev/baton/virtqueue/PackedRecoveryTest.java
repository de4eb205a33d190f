package dev.baton.virtqueue;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Queue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The owner of a packed virtqueue dies, and the next one goes on. Whatever stores of a publish the dead one had done,
 * the driver gets every chain back once and in order: here in rings of 8, in all small ones in {@link RingWorldTest}.
 */
class PackedRecoveryTest {
    private static final int SIZE = 8;

    private final TestGuest guest = new TestGuest(1 << 16);
    private final Mapping memory = Mapping.anonymous(QueueRecord.BYTES);
    private final QueueRecord record = new QueueRecord(memory.address());
    private final ChainBurst burst = new ChainBurst(SIZE, 64);
    private final VirtqueueLayout layout = guest.ring(RingFormat.PACKED, SIZE);
    private final long buffer = guest.allocate(64);

    @AfterEach
    void freeMemory() {
        burst.close();
        memory.close();
        guest.close();
    }

    /**
     * Chains of these segments are used together; of the stores of the publish, in the order in which they are made,
     * only the first so many happen.
     */
    @ParameterizedTest
    @CsvSource({"1 1 1 1,0,false", "1 1 1 1,5,false", "2 1 3,0,false", "3 2 2,6,false", "1,7,false", "1 2 1,3,true",
        "2 2,7,true", "1 1 1 1 1 1 1 1,0,false", "8,0,false", "4 4,5,true"})
    void afterAnyStoreOfAPublishTheNextOwnerGoesOn(String shapes, int before, boolean inOrder) {
        int[] segments = Arrays.stream(shapes.split(" ")).mapToInt(Integer::parseInt).toArray();
        for (int stores = 0; stores <= segments.length + 3; stores++) {
            dieAfter(stores, segments, before, inOrder);
        }
    }

    private void dieAfter(int stores, int[] segments, int before, boolean inOrder) {
        long features = Features.VERSION_1 | Features.RING_PACKED | (inOrder ? Features.IN_ORDER : 0);
        VirtqueueDriver driver = VirtqueueDriver.of(layout, features);
        Virtqueue owner = guest.device(layout, features);
        owner.keep(record);
        for (int i = 0; i < before; i++) {
            add(driver, 1);
            useAll(owner, 1);
            assertThat(driver.pollUsed()).isNotNegative();
        }
        Queue<Integer> inFlight = new ArrayDeque<>();
        for (int count : segments) {
            inFlight.add(add(driver, count));
        }
        use(owner, segments.length);
        HalfPublish.run(owner, record).undoAfter(stores);

        Virtqueue next = guest.device(layout, features);
        next.follow(record);
        next.recover(record);
        String after = stores + " stores of " + Arrays.toString(segments);
        drain(driver, inFlight, after);
        int left = next.fetchReadable(burst, SIZE);
        assertThat(left).as(after).isEqualTo(inFlight.size());
        next.use(burst, 0, left);
        next.publish();
        drain(driver, inFlight, after);
        assertThat(inFlight).as(after).isEmpty();
        assertThat(record.state()).isEqualTo(next.state());
    }

    /** The driver is so fast that the first descriptor is available again when the owner dies. */
    @Test
    void aFirstDescriptorThatIsAvailableAgainWasShown() {
        long features = Features.VERSION_1 | Features.RING_PACKED;
        VirtqueueDriver driver = VirtqueueDriver.of(layout, features);
        Virtqueue owner = guest.device(layout, features);
        owner.keep(record);
        for (int i = 0; i < SIZE; i++) {
            add(driver, 1);
        }
        long position = RawMemory.getLong(memory.address());
        useAll(owner, 3);
        RawMemory.putLong(memory.address(), position);
        int[] again = new int[3];
        for (int i = 0; i < 3; i++) {
            assertThat(driver.pollUsed()).isNotNegative();
            again[i] = add(driver, 1);
        }
        Virtqueue next = guest.device(layout, features);
        next.recover(record);
        assertThat(next.fetchReadable(burst, SIZE)).isEqualTo(SIZE);
        assertThat(burst.head(5) & 0xFFFF).isEqualTo(again[0]);
    }

    /** Words of the guest's own making: the position is nonsense to the guest alone. */
    @Test
    void aRingThatWasChangedMeanwhileIsNoTrap() {
        long features = Features.VERSION_1 | Features.RING_PACKED;
        VirtqueueDriver driver = VirtqueueDriver.of(layout, features);
        Virtqueue owner = guest.device(layout, features);
        owner.keep(record);
        for (int i = 0; i < SIZE; i++) {
            add(driver, 1);
        }
        long position = RawMemory.getLong(memory.address());
        useAll(owner, SIZE);
        RawMemory.putLong(memory.address(), position);
        for (int word = 1; word < 2 * SIZE; word += 2) {
            RawMemory.putLong(layout.descriptorTable() + 8L * word, word == 1 ? 0x0081L << 48 : -1);
        }
        Virtqueue next = guest.device(layout, features);
        next.recover(record);
        assertThat(PackedPosition.slot(next.state().usedIdx())).isLessThan(SIZE);
        assertThat(next.fetchReadable(burst, SIZE)).isNotNegative();
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
        use(owner, count);
        owner.publish();
    }

    private void use(Virtqueue owner, int count) {
        assertThat(owner.fetchReadable(burst, count)).isEqualTo(count);
        owner.use(burst, 0, count);
    }

    private static void drain(VirtqueueDriver driver, Queue<Integer> inFlight, String after) {
        for (int id = driver.pollUsed(); id >= 0; id = driver.pollUsed()) {
            assertThat(id).as(after).isEqualTo(inFlight.remove());
        }
    }
}
