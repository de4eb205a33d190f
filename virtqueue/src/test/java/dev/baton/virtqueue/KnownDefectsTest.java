package dev.baton.virtqueue;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.RawMemory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What virtqueues of others did when a driver broke the rules, and what Baton's do. DPDK's are told by its own commits,
 * QEMU's by the entries of the CVE list.
 */
@Timeout(60)
class KnownDefectsTest {
    private static final int SIZE = 16;
    private static final long NOWHERE = 0x7FFF_FFFF_0000L;

    private final TestGuest guest = new TestGuest(1 << 16);
    private final SplitRawRing ring = new SplitRawRing(guest.ring(SIZE));
    private final long frame = guest.allocate(2048);
    private final ChainBurst burst = new ChainBurst(SIZE, 2048);
    private final SplitVirtqueue queue = queue();

    private SplitVirtqueue queue() {
        return new SplitVirtqueue(ring.layout(), guest.memory(), Features.VERSION_1 | Features.INDIRECT_DESC,
            QueueState.fresh(RingFormat.SPLIT));
    }

    @AfterEach
    void freeMemory() {
        burst.close();
        guest.close();
    }

    /**
     * DPDK took an address for translated when only its length, 0, was; and used it. Here an empty range has no
     * address: it adds no segment, and a chain of nothing else is shorter than a header.
     */
    @Test
    @DisplayName("CVE-2020-10725: an address that is none, with a length of 0")
    void theAddressOfNothingIsNotUsed() {
        ring.descriptor(0, NOWHERE, 0, RawRing.NEXT, 1);
        ring.descriptor(1, frame, 60, RawRing.NEXT, 2);
        ring.descriptor(2, -1, 0, 0, 0);
        ring.descriptor(3, NOWHERE, 0, 0, 0);
        ring.available(0, 3);
        assertThat(queue.fetchReadable(burst, SIZE)).isEqualTo(1);
        assertThat(burst.segmentCount(0)).isEqualTo(1);
        assertThat(burst.segmentBase(burst.firstSegment(0))).isEqualTo(guest.host(frame));
        queue.use(0, 0);
        assertThat(queue.fetchReadable(burst, SIZE)).isZero();
        assertThat(queue.fault()).isEqualTo(VirtqueueFault.FRAME_SHORTER_THAN_HEADER);
    }

    /** DPDK's crypto back end read descriptors again after it had checked them. Here each is read once, into locals. */
    @Test
    @DisplayName("CVE-2020-14375: descriptors that change after the check")
    void whatWasCheckedIsWhatIsUsed() {
        long table = guest.allocate(64);
        ring.descriptor(0, table, 32, RawRing.INDIRECT, 0);
        ring.put(guest.host(table), 0, frame, 12, RawRing.NEXT, 1);
        ring.put(guest.host(table), 1, frame + 100, 50, 0, 0);
        ring.available(0);
        assertThat(queue.fetchReadable(burst, SIZE)).isEqualTo(1);
        ring.descriptor(0, NOWHERE, 0xFFFF_FFF0L, 0, 9);
        ring.put(guest.host(table), 0, NOWHERE, 0xFFFF_FFFFL, 0, 9);
        ring.put(guest.host(table), 1, NOWHERE, 0xFFFF_FFFFL, 0, 9);
        RawMemory.putShort(ring.layout().availableRing() + 4, (short) 9);
        assertThat(burst.lengthBytes(0)).isEqualTo(62);
        assertThat(burst.segmentBase(1)).isEqualTo(guest.host(frame) + 100);
        assertThat(burst.segmentLength(1)).isEqualTo(50);
        queue.use(burst.head(0), 0);
        queue.publish();
        assertThat(ring.usedHead(0)).as("the head that was fetched").isZero();
    }

    /**
     * DPDK's crypto back end counted descriptors down past 0 and went on for billions of steps; QEMU went on for ever
     * where descriptors of length 0 referred to each other. Here a walk ends after as many steps as the queue has
     * entries.
     */
    @Test
    @DisplayName("CVE-2020-14378, CVE-2016-6490: chains without an end")
    void aChainWithoutAnEndIsLeftAfterAsManyStepsAsThereAreEntries() {
        for (long length : new long[] {0, 1, 64}) {
            for (int entries : new int[] {1, 2, SIZE}) {
                SplitRawRing hostile = new SplitRawRing(guest.ring(SIZE));
                SplitVirtqueue walked = new SplitVirtqueue(hostile.layout(), guest.memory(), Features.VERSION_1,
                    QueueState.fresh(RingFormat.SPLIT));
                for (int i = 0; i < entries; i++) {
                    hostile.descriptor(i, frame, length, RawRing.NEXT, (i + 1) % entries);
                }
                hostile.available(0);
                assertThat(walked.fetchReadable(burst, SIZE)).isZero();
                assertThat(walked.fault()).isEqualTo(VirtqueueFault.CHAIN_TOO_LONG);
            }
        }
    }

    /**
     * DPDK took a header to lie in two descriptors at most, and its receive path came to a halt over others. Here a
     * header may lie in as many pieces as it has bytes, and a chain with less than a header is refused by name.
     */
    @Test
    @DisplayName("CVE-2022-2132: a header spread over many descriptors")
    void aHeaderMayLieInAsManyPiecesAsItHasBytes() {
        for (int i = 0; i < VirtioNetHeader.LENGTH; i++) {
            ring.descriptor(i, frame + 3L * i, 1, RawRing.NEXT, i + 1);
        }
        ring.descriptor(VirtioNetHeader.LENGTH, frame + 100, 60, 0, 0);
        ring.descriptor(14, frame, VirtioNetHeader.LENGTH - 1, 0, 0);
        ring.available(0, 14);
        assertThat(queue.fetchReadable(burst, SIZE)).isEqualTo(1);
        assertThat(burst.segmentCount(0)).isEqualTo(VirtioNetHeader.LENGTH + 1);
        assertThat(burst.lengthBytes(0)).isEqualTo(VirtioNetHeader.LENGTH + 60);
        queue.use(0, 0);
        assertThat(queue.fetchReadable(burst, SIZE)).isZero();
        assertThat(queue.fault()).isEqualTo(VirtqueueFault.FRAME_SHORTER_THAN_HEADER);
    }

    /**
     * QEMU took whatever a driver submitted, however much was not completed yet, and allocated for each. Here nothing
     * is allocated for a chain, and more chains than the queue has entries are no chains.
     */
    @Test
    @DisplayName("CVE-2016-5403: more requests than the queue can hold")
    void noMoreIsTakenThanTheQueueHolds() {
        for (int i = 0; i < SIZE; i++) {
            ring.descriptor(i, frame, 60, 0, 0);
        }
        ring.availableIndex(SIZE);
        for (int i = 0; i < 1000; i++) {
            assertThat(queue.fetchReadable(burst, SIZE)).as("the same chains, as none was used").isEqualTo(SIZE);
        }
        ring.availableIndex(SIZE + 1);
        assertThat(queue.fetchReadable(burst, SIZE)).isZero();
        assertThat(queue.fault()).isEqualTo(VirtqueueFault.AVAIL_INDEX_AHEAD);
    }

    /** QEMU wrote num_buffers into a mapping of such a buffer that was gone by then. Here it is no buffer. */
    @Test
    @DisplayName("CVE-2021-3748: a receive buffer outside of the guest's memory")
    void aReceiveBufferOutsideOfMemoryIsNone() {
        ring.descriptor(0, frame, 6, RawRing.WRITE | RawRing.NEXT, 1);
        ring.descriptor(1, NOWHERE, 2000, RawRing.WRITE, 0);
        ring.available(0);
        assertThat(queue.fetchWritable(burst, SIZE)).isZero();
        assertThat(queue.fault()).isEqualTo(VirtqueueFault.ADDRESS_OUTSIDE_MEMORY);
        assertThat(ring.usedLength(0)).as("nothing was written").isZero();
    }
}
