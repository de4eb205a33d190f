package dev.baton.virtqueue;

import static dev.baton.virtqueue.RawRing.INDIRECT;
import static dev.baton.virtqueue.RawRing.NEXT;
import static dev.baton.virtqueue.RawRing.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Each thing that no driver may do: a named fault, the chain back with length 0, this queue stopped, no other. */
class SplitVirtqueueFaultTest {
    private static final int SIZE = 8;
    private static final long FEATURES = Features.VERSION_1 | Features.INDIRECT_DESC;
    private static final int GUEST_BYTES = 1 << 20;

    private final TestGuest guest = new TestGuest(GUEST_BYTES);
    private final SplitRawRing ring = new SplitRawRing(guest.ring(SIZE));
    private final long buffer = guest.allocate(4096);
    private final long table = guest.allocate(16 * 2048);
    private final SplitVirtqueue queue =
        guest.split(ring.layout(), FEATURES);
    private final SplitRawRing neighbourRing = new SplitRawRing(guest.ring(SIZE));
    private final SplitVirtqueue neighbour =
        guest.split(neighbourRing.layout(), FEATURES);
    private final ChainBurst burst = new ChainBurst(32, 2048);

    @AfterEach
    void freeMemory() {
        burst.close();
        guest.close();
    }

    /** Fetches from a queue whose next chain, head 3, is broken. */
    private void assertFault(VirtqueueFault fault) {
        assertFault(fault, false);
    }

    private void assertFault(VirtqueueFault fault, boolean writable) {
        int sound = 7;
        ring.descriptor(sound, buffer, 64, writable ? WRITE : 0, 0);
        ring.available(sound, 3, sound);

        assertThat(fetch(writable)).as("the sound chain before it").isEqualTo(1);
        assertThat(queue.fault()).isNull();
        queue.use(burst.head(0), 5);
        queue.publish();
        assertThat(ring.usedIndex()).isEqualTo(1);

        assertThat(fetch(writable)).isZero();
        assertThat(queue.fault()).isEqualTo(fault);
        assertThat(ring.usedIndex()).isEqualTo(2);
        assertThat(ring.usedHead(1)).isEqualTo(3);
        assertThat(ring.usedLength(1)).isZero();
        assertStopped(writable);
    }

    private int fetch(boolean writable) {
        return writable ? queue.fetchWritable(burst, 32) : queue.fetchReadable(burst, 32);
    }

    private void assertStopped(boolean writable) {
        int usedIndex = ring.usedIndex();
        VirtqueueFault fault = queue.fault();
        assertThat(queue.publish()).as("the driver is to be called").isTrue();
        assertThat(queue.publish()).as("once").isFalse();
        assertThat(fetch(writable)).as("the sound chain after it").isZero();
        assertThat(burst.count()).isZero();
        assertThat(queue.hasAvailable()).isFalse();
        assertThat(queue.enableNotifications()).isFalse();
        assertThat(ring.usedIndex()).isEqualTo(usedIndex);
        assertThat(queue.fault()).isEqualTo(fault);

        neighbourRing.descriptor(0, buffer, 64, 0, 0);
        neighbourRing.available(0);
        assertThat(neighbour.fetchReadable(burst, 32)).isEqualTo(1);
        assertThat(neighbour.fault()).isNull();
    }

    @Test
    void nextOutsideTheTable() {
        ring.descriptor(3, buffer, 64, NEXT, SIZE);
        assertFault(VirtqueueFault.NEXT_OUT_OF_RANGE);
    }

    @Test
    void aLoop() {
        ring.descriptor(3, buffer, 64, NEXT, 4);
        ring.descriptor(4, buffer, 64, NEXT, 3);
        assertFault(VirtqueueFault.CHAIN_TOO_LONG);
    }

    @Test
    void aLoopOfDescriptorsWithoutBytes() {
        ring.descriptor(3, buffer, 0, NEXT, 3);
        assertFault(VirtqueueFault.CHAIN_TOO_LONG);
    }

    @Test
    void aChainOfMoreBytesThanAnIntHolds() {
        try (ChainBurst small = new ChainBurst(2, 8)) {
            GuestMemory vast = GuestMemory.of(List.of(new MemoryRegion(0, 1L << 40, 0, 1L << 40)));
            queue.memory(vast, ring.layout());
            ring.descriptor(0, 0, 0xFFFF_FFFFL, 0, 0);
            ring.available(0);
            assertThat(queue.fetchReadable(small, 2)).isZero();
            assertThat(queue.fault()).isEqualTo(VirtqueueFault.CHAIN_TOO_LONG);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {0, TestGuest.BASE - 1, TestGuest.BASE + GUEST_BYTES - 63, TestGuest.BASE + GUEST_BYTES, -1,
        -64, Long.MAX_VALUE, Long.MIN_VALUE})
    void aBufferOutsideMemory(long address) {
        ring.descriptor(3, address, 64, 0, 0);
        assertFault(VirtqueueFault.ADDRESS_OUTSIDE_MEMORY);
    }

    @Test
    void aBufferOf4GiBFromInsideMemory() {
        ring.descriptor(3, buffer, 0xFFFF_FFFFL, WRITE, 0);
        assertFault(VirtqueueFault.ADDRESS_OUTSIDE_MEMORY, true);
    }

    @Test
    void theSecondBufferOutsideMemory() {
        ring.descriptor(3, buffer, 64, NEXT, 2);
        ring.descriptor(2, 12, 64, 0, 0);
        assertFault(VirtqueueFault.ADDRESS_OUTSIDE_MEMORY);
    }

    @Test
    void aWritableDescriptorInAFrame() {
        ring.descriptor(3, buffer, 64, NEXT, 2);
        ring.descriptor(2, buffer, 64, WRITE, 0);
        assertFault(VirtqueueFault.WRONG_DIRECTION);
    }

    @Test
    void aReadableDescriptorInAReceiveBuffer() {
        ring.descriptor(3, buffer, 64, 0, 0);
        assertFault(VirtqueueFault.WRONG_DIRECTION, true);
    }

    @Test
    void aFrameShorterThanItsHeader() {
        ring.descriptor(3, buffer, 11, 0, 0);
        assertFault(VirtqueueFault.FRAME_SHORTER_THAN_HEADER);
    }

    @Test
    void aFrameWithoutBytes() {
        ring.descriptor(3, 0, 0, 0, 0);
        assertFault(VirtqueueFault.FRAME_SHORTER_THAN_HEADER);
    }

    @Test
    void aReceiveBufferShorterThanTheHeader() {
        ring.descriptor(3, buffer, 5, WRITE | NEXT, 4);
        ring.descriptor(4, buffer, 6, WRITE, 0);
        assertFault(VirtqueueFault.BUFFER_SHORTER_THAN_HEADER, true);
    }

    @Test
    void anIndirectTableInAnIndirectTable() {
        ring.descriptor(3, table, 32, INDIRECT, 0);
        tableEntry(0, buffer, 64, NEXT, 1);
        tableEntry(1, table, 32, INDIRECT, 0);
        assertFault(VirtqueueFault.NESTED_INDIRECT);
    }

    @Test
    void theDescriptorTableItselfAsIndirectTable() {
        long self = TestGuest.BASE + ring.layout().descriptorTable() - guest.host(TestGuest.BASE);
        ring.descriptor(0, self, 16 * SIZE, INDIRECT, 0);
        ring.descriptor(3, self, 16 * SIZE, INDIRECT, 0);
        assertFault(VirtqueueFault.NESTED_INDIRECT);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 15, 17, 33})
    void anIndirectTableOfABadLength(int bytes) {
        ring.descriptor(3, table, bytes, INDIRECT, 0);
        tableEntry(0, buffer, 64, 0, 0);
        assertFault(VirtqueueFault.INDIRECT_MISSHAPEN);
    }

    @Test
    void indirectAndNextTogether() {
        ring.descriptor(3, table, 16, INDIRECT | NEXT, 4);
        tableEntry(0, buffer, 64, 0, 0);
        assertFault(VirtqueueFault.INDIRECT_MISSHAPEN);
    }

    @Test
    void anIndirectTableOutsideMemory() {
        ring.descriptor(3, TestGuest.BASE + GUEST_BYTES - 16, 32, INDIRECT, 0);
        assertFault(VirtqueueFault.ADDRESS_OUTSIDE_MEMORY);
    }

    @Test
    void nextOutsideTheIndirectTable() {
        ring.descriptor(3, table, 32, INDIRECT, 0);
        tableEntry(0, buffer, 64, NEXT, 2);
        assertFault(VirtqueueFault.NEXT_OUT_OF_RANGE);
    }

    @Test
    void aLoopInAnIndirectTable() {
        ring.descriptor(3, table, 32, INDIRECT, 0);
        tableEntry(0, buffer, 64, NEXT, 1);
        tableEntry(1, buffer, 64, NEXT, 0);
        assertFault(VirtqueueFault.CHAIN_TOO_LONG);
    }

    @Test
    void anIndirectTableOfMoreSegmentsThanReadvTakes() {
        int entries = ChainBurst.MAX_SEGMENTS_PER_CHAIN + 1;
        ring.descriptor(3, table, 16L * entries, INDIRECT, 0);
        for (int i = 0; i < entries; i++) {
            tableEntry(i, buffer, 1, i + 1 < entries ? NEXT : 0, i + 1);
        }
        assertFault(VirtqueueFault.CHAIN_TOO_LONG);
    }

    @Test
    void anIndirectTableThatWasNotNegotiated() {
        SplitVirtqueue plain = guest.split(ring.layout(), Features.VERSION_1);
        ring.descriptor(3, table, 16, INDIRECT, 0);
        tableEntry(0, buffer, 64, 0, 0);
        ring.available(3);
        assertThat(plain.fetchReadable(burst, 32)).isZero();
        assertThat(plain.fault()).isEqualTo(VirtqueueFault.INDIRECT_NOT_NEGOTIATED);
        assertThat(ring.usedIndex()).isEqualTo(1);
    }

    @Test
    void aHeadOutsideTheTableHasNoChainToGiveBack() {
        ring.descriptor(0, buffer, 64, 0, 0);
        ring.available(0, SIZE, 0);
        assertThat(queue.fetchReadable(burst, 32)).isEqualTo(1);
        queue.use(burst.head(0), 0);
        assertThat(queue.fetchReadable(burst, 32)).isZero();
        assertThat(queue.fault()).isEqualTo(VirtqueueFault.HEAD_OUT_OF_RANGE);
        queue.publish();
        assertThat(ring.usedIndex()).isEqualTo(1);
        assertThat(queue.fetchReadable(burst, 32)).isZero();
    }

    @Test
    void anAvailableIndexMoreThanTheSizeAhead() {
        ring.descriptor(0, buffer, 64, 0, 0);
        for (int i = 0; i < SIZE; i++) {
            ring.available(0);
        }
        ring.availableIndex(1);
        queue.fetchReadable(burst, 1);
        queue.use(burst.head(0), 0);
        queue.publish();
        ring.availableIndex(1 + SIZE);
        assertThat(queue.fetchReadable(burst, 32)).as("a full ring").isEqualTo(SIZE);
        ring.availableIndex(1 + SIZE + 1);
        assertThat(queue.fetchReadable(burst, 32)).isZero();
        assertThat(queue.fault()).isEqualTo(VirtqueueFault.AVAIL_INDEX_AHEAD);
        assertThat(queue.publish()).as("nothing was used").isFalse();
        ring.availableIndex(1);
        ring.available(0);
        assertThat(queue.fetchReadable(burst, 32)).as("latched").isZero();
        assertThat(ring.usedIndex()).isEqualTo(1);
    }

    @Test
    void anAvailableIndexThatGoesBack() {
        ring.availableIndex(65535);
        assertThat(queue.fetchReadable(burst, 32)).isZero();
        assertThat(queue.fault()).isEqualTo(VirtqueueFault.AVAIL_INDEX_AHEAD);
    }

    @Test
    void directDescriptorsMayEndInAnIndirectTable() {
        ring.descriptor(3, buffer, 12, NEXT, 1);
        ring.descriptor(1, table, 16 * 20, INDIRECT | WRITE, 0);
        for (int i = 0; i < 20; i++) {
            tableEntry(i, buffer + 64L * i, 10, i < 19 ? NEXT : 0, i + 1);
        }
        ring.available(3);
        assertThat(queue.fetchReadable(burst, 32)).as("longer than the queue, as Linux makes them").isEqualTo(1);
        assertThat(burst.segmentCount(0)).isEqualTo(21);
        assertThat(burst.lengthBytes(0)).isEqualTo(212);
    }

    @Test
    void aBufferRunsOnFromRegionToRegion() {
        long base = 0x1000;
        long first = guest.host(buffer);
        long second = guest.host(buffer) + 2048;
        queue.memory(GuestMemory.of(List.of(new MemoryRegion(base, 512, 1, first),
            new MemoryRegion(base + 512, 32, 1, second), new MemoryRegion(base + 544, 512, 1, second + 1024))),
            ring.layout());
        ring.descriptor(3, base + 500, 100, 0, 0);
        ring.descriptor(4, base + 544 + 500, 13, 0, 0);
        ring.available(3, 4);
        assertThat(queue.fetchReadable(burst, 32)).isEqualTo(1);
        assertThat(burst.segmentCount(0)).isEqualTo(3);
        assertThat(burst.lengthBytes(0)).isEqualTo(100);
        assertThat(List.of(burst.segmentBase(0), burst.segmentBase(1), burst.segmentBase(2)))
            .containsExactly(first + 500, second, second + 1024);
        assertThat(List.of(burst.segmentLength(0), burst.segmentLength(1), burst.segmentLength(2)))
            .containsExactly(12L, 32L, 56L);
        queue.use(burst.head(0), 0);
        assertThat(queue.fetchReadable(burst, 32)).isZero();
        assertThat(queue.fault()).as("one byte over the end").isEqualTo(VirtqueueFault.ADDRESS_OUTSIDE_MEMORY);
    }

    @Test
    void anotherMemoryTableIsUsedAtOnce() {
        ring.descriptor(3, buffer, 64, 0, 0);
        ring.available(3);
        queue.fetchReadable(burst, 32);
        queue.memory(GuestMemory.EMPTY, ring.layout());
        assertThat(queue.fetchReadable(burst, 32)).isZero();
        assertThat(queue.fault()).isEqualTo(VirtqueueFault.ADDRESS_OUTSIDE_MEMORY);
    }

    @ParameterizedTest
    @EnumSource(VirtqueueFault.class)
    void faultsHaveNamesToCountThemBy(VirtqueueFault fault) {
        assertThat(fault.reason()).matches("[a-z]+(-[a-z]+)*");
    }

    private void tableEntry(int i, long address, long length, int flags, int next) {
        ring.put(guest.host(table), i, address, length, flags, next);
    }
}
