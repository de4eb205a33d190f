package dev.baton.virtqueue;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a virtqueue leaves in its record, and a new owner makes of it. */
class QueueRecordTest {
    private static final long FEATURES = Features.VERSION_1 | Features.EVENT_IDX;
    private static final int SIZE = 4;
    private static final int FRAME = 64;

    private final TestGuest guest = new TestGuest(1 << 16);
    private final Mapping memory = Mapping.anonymous(4096);
    private final QueueRecord record = new QueueRecord(memory.address());
    private final ChainBurst burst = new ChainBurst(SIZE, 64);

    @AfterEach
    void freeMemory() {
        burst.close();
        memory.close();
        guest.close();
    }

    @Test
    void aClearedRecordIsOfNoStartedVirtqueue() {
        assertThat(record.running()).isFalse();
        assertThatIllegalArgumentException().isThrownBy(record::state).withMessageContaining("no started virtqueue");
    }

    @Test
    void theRecordStandsWhereTheQueueStandsAfterEveryBurst() {
        VirtqueueLayout layout = guest.ring(SIZE);
        VirtqueueDriver driver = VirtqueueDriver.of(layout, FEATURES);
        SplitVirtqueue queue = guest.split(layout, FEATURES);
        queue.keep(record);
        assertThat(record.state()).isEqualTo(QueueState.fresh(RingFormat.SPLIT));
        long buffer = guest.allocate(FRAME);
        for (int i = 0; i < 70_000; i++) {
            send(driver, buffer);
            takeAll(queue);
            queue.publish();
            assertThat(driver.pollUsed()).isNotNegative();
            if (i % 1000 == 0 || (i > 65_000 && i < 66_000)) {
                assertThat(record.state()).isEqualTo(queue.state());
            }
        }
        record.clear();
        assertThat(record.running()).isFalse();
    }

    /** Owners take turns at every index around the wrap, each made anew from the record. */
    @ParameterizedTest
    @ValueSource(ints = {0, 65_530, 65_535})
    void newOwnersGoOnWithTheNextChain(int firstIndex) {
        VirtqueueLayout layout = guest.ring(SIZE);
        VirtqueueDriver driver = VirtqueueDriver.of(layout, FEATURES, firstIndex);
        QueueState first = new QueueState(firstIndex, firstIndex, QueueState.UNSIGNALLED);
        new SplitVirtqueue(layout, guest.memory(), FEATURES, first).keep(record);
        long buffer = guest.allocate(FRAME);
        for (int i = 0; i < 20; i++) {
            int head = send(driver, buffer);
            SplitVirtqueue owner = guest.split(layout, FEATURES);
            owner.resume(record);
            assertThat(takeAll(owner)).as("chains for owner %d", i).isEqualTo(1);
            owner.publish();
            assertThat(driver.pollUsed()).isEqualTo(head);
            assertThat(driver.pollUsed()).isNegative();
        }
    }

    @Test
    void aBrokenQueueIsBrokenForItsNextOwnerToo() {
        VirtqueueLayout layout = guest.ring(SIZE);
        SplitVirtqueue queue = guest.split(layout, FEATURES);
        queue.keep(record);
        RawMemory.putShort(layout.availableRing() + VirtqueueLayout.INDEX_OFFSET, (short) (SIZE + 1));
        assertThat(queue.fetchReadable(burst, SIZE)).isZero();

        SplitVirtqueue next = guest.split(layout, FEATURES);
        next.resume(record);
        assertThat(next.fault()).isEqualTo(VirtqueueFault.AVAIL_INDEX_AHEAD);
        assertThat(next.fetchReadable(burst, SIZE)).isZero();
        assertThat(next.state().restarted().fault()).isNull();
    }

    /** The owner dies between two bursts, or after it has shown used chains and before it has said so. */
    @Test
    void afterACrashTheRingItselfSaysWhereToGoOn() {
        VirtqueueLayout layout = guest.ring(SIZE);
        VirtqueueDriver driver = VirtqueueDriver.of(layout, FEATURES);
        SplitVirtqueue queue = guest.split(layout, FEATURES);
        queue.keep(record);
        long buffer = guest.allocate(FRAME);
        send(driver, buffer);
        int second = send(driver, buffer);
        assertThat(queue.fetchReadable(burst, 1)).isEqualTo(1);
        queue.use(burst.head(0), 0);
        QueueState stale = record.state();
        queue.publish();
        QueueRecord.write(record.address(), stale.lastAvailIdx(), stale.usedIdx(), stale.signalledUsed(), null);
        assertThat(queue.fetchReadable(burst, 1)).isEqualTo(1);
        queue.use(burst.head(0), 0); // never published

        SplitVirtqueue next = guest.split(layout, FEATURES);
        next.recover(record);
        assertThat(next.state()).isEqualTo(new QueueState(1, 1, QueueState.UNSIGNALLED));
        assertThat(record.state()).isEqualTo(next.state());
        assertThat(next.fetchReadable(burst, SIZE)).isEqualTo(1);
        assertThat(burst.head(0)).isEqualTo(second);
    }

    @ParameterizedTest
    @ValueSource(longs = {-1, 1L << 50 | 1L << 48, 0xFFL << 56 | 1L << 48, 1L << 49})
    void forgedRecordsAreRefused(long position) {
        RawMemory.putLong(memory.address(), position);
        assertThatIllegalArgumentException().isThrownBy(record::state);
    }

    @Test
    void aPlaceThatIsInconsistentIsRefusedAndTheQueueStaysAsItWas() {
        VirtqueueLayout layout = guest.ring(SIZE);
        SplitVirtqueue queue = guest.split(layout, FEATURES);
        RawMemory.putLong(memory.address(), 1L << 48 | 9); // nine chains taken, none used, of a queue of four
        assertThatIllegalArgumentException().isThrownBy(() -> queue.resume(record))
            .withMessageContaining("more chains taken than the queue size 4");
        assertThat(queue.state()).isEqualTo(QueueState.fresh(RingFormat.SPLIT));
    }

    private int send(VirtqueueDriver driver, long buffer) {
        int head = driver.addReadable(new long[] {buffer}, new int[] {FRAME}, 1);
        driver.publish();
        return head;
    }

    private int takeAll(SplitVirtqueue queue) {
        int count = queue.fetchReadable(burst, SIZE);
        for (int i = 0; i < count; i++) {
            queue.use(burst.head(i), 0);
        }
        return count;
    }
}
