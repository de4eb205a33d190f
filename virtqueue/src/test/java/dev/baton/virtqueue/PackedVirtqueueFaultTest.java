package dev.baton.virtqueue;

import static dev.baton.virtqueue.RawRing.INDIRECT;
import static dev.baton.virtqueue.RawRing.NEXT;
import static dev.baton.virtqueue.RawRing.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Each thing that no driver of a packed virtqueue may do: a named fault, the chain back with length 0, this queue
 * stopped.
 */
class PackedVirtqueueFaultTest {
    private static final int SIZE = 8;
    private static final int ID = 0x1234;
    private static final long FEATURES = Features.VERSION_1 | Features.INDIRECT_DESC | Features.RING_PACKED;
    private static final int GUEST_BYTES = 1 << 20;

    private final TestGuest guest = new TestGuest(GUEST_BYTES);
    private final PackedRawRing ring = new PackedRawRing(guest.ring(RingFormat.PACKED, SIZE));
    private final long buffer = guest.allocate(4096);
    private final long table = guest.allocate(16 * 2048);
    private final Virtqueue queue = guest.device(ring.layout(), FEATURES);
    private final ChainBurst burst = new ChainBurst(32, 2048);

    @AfterEach
    void freeMemory() {
        burst.close();
        guest.close();
    }

    private void assertFault(VirtqueueFault fault) {
        assertFault(fault, false);
    }

    /** Fetches from a queue whose next chain, from slot 1 on, is broken. */
    private void assertFault(VirtqueueFault fault, boolean writable) {
        ring.available(0, buffer, 64, writable ? WRITE : 0, 7);

        assertThat(fetch(writable)).as("the sound chain before it").isEqualTo(1);
        assertThat(queue.fault()).isNull();
        queue.use(burst.head(0), 5);
        queue.publish();
        assertThat(ring.used(0)).isTrue();

        assertThat(fetch(writable)).isZero();
        assertThat(queue.fault()).isEqualTo(fault);
        assertThat(ring.used(1)).isTrue();
        assertThat(ring.id(1)).isEqualTo(ID);
        assertThat(ring.length(1)).isZero();
        assertThat(queue.publish()).as("the driver is to be called").isTrue();
        assertThat(queue.publish()).isFalse();
        assertThat(fetch(writable)).isZero();
        assertThat(queue.hasAvailable()).isFalse();
        assertThat(queue.enableNotifications()).isFalse();
        assertThat(queue.fault()).isEqualTo(fault);
    }

    private int fetch(boolean writable) {
        return writable ? queue.fetchWritable(burst, 32) : queue.fetchReadable(burst, 32);
    }

    @Test
    void aChainWithoutAnEnd() {
        for (int slot = 0; slot < SIZE; slot++) {
            ring.available(slot, buffer, 64, NEXT, ID);
        }
        assertThat(queue.fetchReadable(burst, 4)).isZero();
        assertThat(queue.fault()).isEqualTo(VirtqueueFault.CHAIN_TOO_LONG);
        for (int slot = 0; slot < SIZE; slot++) {
            assertThat(ring.used(slot)).as("there is no ID to return it by").isFalse();
        }
    }

    @Test
    void aChainOfMoreBytesThanAnIntHolds() {
        try (ChainBurst small = new ChainBurst(2, 8)) {
            queue.memory(GuestMemory.of(List.of(new MemoryRegion(0, 1L << 40, 0, 1L << 40))), ring.layout());
            ring.available(0, 0, 0xFFFF_FFFFL, 0, ID);
            assertThat(queue.fetchReadable(small, 2)).isZero();
            assertThat(queue.fault()).isEqualTo(VirtqueueFault.CHAIN_TOO_LONG);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {0, TestGuest.BASE - 1, TestGuest.BASE + GUEST_BYTES - 63, TestGuest.BASE + GUEST_BYTES, -1,
        -64, Long.MAX_VALUE, Long.MIN_VALUE})
    void aBufferOutsideMemory(long address) {
        ring.available(1, address, 64, 0, ID);
        assertFault(VirtqueueFault.ADDRESS_OUTSIDE_MEMORY);
    }

    @Test
    void aSecondBufferOutsideMemory() {
        ring.available(1, buffer, 64, NEXT, 0);
        ring.available(2, -64, 64, 0, ID);
        assertFault(VirtqueueFault.ADDRESS_OUTSIDE_MEMORY);
        assertThat(ring.flags(1) & NEXT).as("so that a successor finds the chain's end").isEqualTo(NEXT);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aDescriptorOfTheOtherDirection(boolean writable) {
        ring.available(1, buffer, 64, (writable ? WRITE : 0) | NEXT, 0);
        ring.available(2, buffer, 64, writable ? 0 : WRITE, ID);
        assertFault(VirtqueueFault.WRONG_DIRECTION, writable);
    }

    @Test
    void aFrameShorterThanItsHeader() {
        ring.available(1, buffer, 11, 0, ID);
        assertFault(VirtqueueFault.FRAME_SHORTER_THAN_HEADER);
    }

    @Test
    void aBufferShorterThanTheHeader() {
        ring.available(1, buffer, 11, WRITE, ID);
        assertFault(VirtqueueFault.BUFFER_SHORTER_THAN_HEADER, true);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 8, 17, 16 * 1025})
    void anIndirectTableOfNoSize(int bytes) {
        for (int i = 0; i < 1025; i++) {
            ring.put(guest.host(table), i, buffer, 16, 0, 0);
        }
        ring.available(1, table, bytes, INDIRECT, ID);
        assertFault(bytes == 16 * 1025 ? VirtqueueFault.CHAIN_TOO_LONG : VirtqueueFault.INDIRECT_MISSHAPEN);
    }

    @Test
    void anIndirectTableThatIsPartOfAChain() {
        ring.put(guest.host(table), 0, buffer, 64, 0, 0);
        ring.available(1, table, 16, INDIRECT | NEXT, 0);
        ring.available(2, buffer, 64, 0, ID);
        assertFault(VirtqueueFault.INDIRECT_MISSHAPEN);
    }

    @Test
    void anIndirectTableBehindADescriptor() {
        ring.put(guest.host(table), 0, buffer, 64, 0, 0);
        ring.available(1, buffer, 64, NEXT, 0);
        ring.available(2, table, 16, INDIRECT, ID);
        assertFault(VirtqueueFault.INDIRECT_MISSHAPEN);
    }

    @Test
    void anIndirectTableInAnIndirectTable() {
        ring.put(guest.host(table), 0, table, 16, INDIRECT, 0);
        ring.available(1, table, 16, INDIRECT, ID);
        assertFault(VirtqueueFault.NESTED_INDIRECT);
    }

    @Test
    void anIndirectTableOutsideMemory() {
        ring.available(1, TestGuest.BASE + GUEST_BYTES - 8, 16, INDIRECT, ID);
        assertFault(VirtqueueFault.ADDRESS_OUTSIDE_MEMORY);
    }

    @Test
    void anIndirectTableThatWasNotNegotiated() {
        Virtqueue plain = guest.device(ring.layout(), Features.VERSION_1 | Features.RING_PACKED);
        ring.put(guest.host(table), 0, buffer, 64, 0, 0);
        ring.available(0, table, 16, INDIRECT, ID);
        assertThat(plain.fetchReadable(burst, 4)).isZero();
        assertThat(plain.fault()).isEqualTo(VirtqueueFault.INDIRECT_NOT_NEGOTIATED);
    }

    @Test
    void inATableTheOtherFlagsMeanNothing() {
        ring.put(guest.host(table), 0, buffer, 64, 0x8080 | NEXT, 99);
        ring.put(guest.host(table), 1, buffer, 20, 0, 98);
        ring.available(0, table, 32, INDIRECT, ID);
        assertThat(queue.fetchReadable(burst, 4)).isEqualTo(1);
        assertThat(burst.lengthBytes(0)).isEqualTo(84);
    }

    /** A driver that makes a ring available twice over gets no more than it has descriptors. */
    @Test
    void noMoreThanTheRingIsFetchedBeforeItIsShown() {
        for (int slot = 0; slot < SIZE; slot++) {
            ring.available(slot, buffer, 64, 0, slot);
        }
        assertThat(queue.fetchReadable(burst, 4)).isEqualTo(4);
        queue.use(burst, 0, 4);
        for (int slot = 0; slot < SIZE; slot++) {
            ring.put(ring.layout().descriptorTable(), slot, buffer, 64,
                slot < 4 ? PackedRawRing.USED : PackedRawRing.AVAIL, slot);
        }
        assertThat(queue.fetchReadable(burst, 32)).isEqualTo(4);
        queue.use(burst, 0, 4);
        assertThat(queue.fetchReadable(burst, 32)).isZero();
        assertThat(queue.publish()).isTrue();
        assertThat(queue.fault()).isNull();
    }
}
