package dev.baton.virtqueue;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.baton.ffi.RawMemory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a virtqueue is made from: its layout and its state, both untrusted. */
class QueueSetupTest {
    private static final long FEATURES = Features.VERSION_1 | Features.EVENT_IDX;

    private final TestGuest guest = new TestGuest(1 << 16);

    @AfterEach
    void freeMemory() {
        guest.close();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, -1, 3, 255, 32769, 65536, Integer.MIN_VALUE})
    void aSizeThatIsNoPowerOfTwoUpTo32768IsRefused(int size) {
        assertThatIllegalArgumentException().isThrownBy(() -> new VirtqueueLayout(RingFormat.SPLIT, size, 16, 16, 16))
            .withMessageContaining("queue size " + size);
    }

    @Test
    void misalignedOrMissingPartsAreRefusedByName() {
        assertThatIllegalArgumentException().isThrownBy(() -> new VirtqueueLayout(RingFormat.SPLIT, 8, 8, 16, 16))
            .withMessageContaining("descriptor table").withMessageContaining("aligned to 16");
        assertThatIllegalArgumentException().isThrownBy(() -> new VirtqueueLayout(RingFormat.SPLIT, 8, 16, 17, 16))
            .withMessageContaining("available ring").withMessageContaining("aligned to 2");
        assertThatIllegalArgumentException().isThrownBy(() -> new VirtqueueLayout(RingFormat.SPLIT, 8, 16, 16, 18))
            .withMessageContaining("used ring").withMessageContaining("aligned to 4");
        assertThatIllegalArgumentException().isThrownBy(() -> new VirtqueueLayout(RingFormat.SPLIT, 8, 16, 16, 0))
            .withMessageContaining("used ring has no address");
    }

    @Test
    void partsHaveTheSizesOfTheSpecification() {
        assertThat(VirtqueueLayout.descriptorTableBytes(256)).isEqualTo(4096);
        assertThat(VirtqueueLayout.availableRingBytes(256)).isEqualTo(6 + 2 * 256);
        assertThat(VirtqueueLayout.usedRingBytes(256)).isEqualTo(6 + 8 * 256);
        VirtqueueLayout layout = VirtqueueLayout.contiguous(RingFormat.SPLIT, 1, 64);
        assertThat(layout.usedRing() + VirtqueueLayout.usedRingBytes(1))
            .isLessThanOrEqualTo(64 + VirtqueueLayout.contiguousBytes(RingFormat.SPLIT, 1));
    }

    @ParameterizedTest
    @CsvSource({"65536,0,0", "-1,0,0", "0,65536,0", "0,0,65536", "0,0,-2", "9,0,0", "0,1,0", "8,9,8", "9,9,0"})
    void anInconsistentStateIsRefused(int lastAvailIdx, int usedIdx, int signalledUsed) {
        QueueState state = new QueueState(lastAvailIdx, usedIdx, signalledUsed);
        VirtqueueLayout layout = guest.ring(8);
        assertThatIllegalArgumentException()
            .isThrownBy(() -> new SplitVirtqueue(layout, guest.memory(), FEATURES, state))
            .withMessageContaining(state.toString());
    }

    @ParameterizedTest
    @CsvSource({"0,0,-1", "8,0,0", "7,65535,65535", "3,3,65531", "65535,65535,-1"})
    void aConsistentStateIsTakenOver(int lastAvailIdx, int usedIdx, int signalledUsed) {
        QueueState state = new QueueState(lastAvailIdx, usedIdx, signalledUsed);
        assertThat(new SplitVirtqueue(guest.ring(8), guest.memory(), FEATURES, state).state()).isEqualTo(state);
    }

    @Test
    void aSplitRingGoesOnAtItsOwnUsedIndex() {
        VirtqueueLayout layout = guest.ring(8);
        RawMemory.putShort(layout.usedRing() + 2, (short) 65533);
        assertThat(QueueState.at(1, layout)).isEqualTo(new QueueState(65533, 65533, QueueState.UNSIGNALLED));
    }

    /** DPDK's driver fills the upper half with zeroes, QEMU with the used position. */
    @ParameterizedTest
    @ValueSource(ints = {0x8005, 0x80058005, 0x00058005})
    void aPackedRingGoesOnWhereItIsTold(int base) {
        VirtqueueLayout layout = guest.ring(RingFormat.PACKED, 8);
        QueueState state = QueueState.at(base, layout);
        assertThat(state).isEqualTo(new QueueState(0x8005, 0x8005, QueueState.UNSIGNALLED));
        assertThat(state.base(RingFormat.PACKED)).isEqualTo(0x80058005);
    }

    @ParameterizedTest
    @CsvSource({"0x8000,0x8000,-1", "7,7,0", "0x8003,0x8003,5", "2,2,0x8002"})
    void aConsistentPackedStateIsTakenOver(String lastAvailIdx, String usedIdx, String signalledUsed) {
        QueueState state = new QueueState(Integer.decode(lastAvailIdx), Integer.decode(usedIdx),
            Integer.decode(signalledUsed));
        VirtqueueLayout layout = guest.ring(RingFormat.PACKED, 8);
        assertThat(Virtqueue.of(layout, guest.memory(), FEATURES, state).state()).isEqualTo(state);
    }

    @ParameterizedTest
    @CsvSource({"0x8000,0x8001,-1", "8,8,-1", "0x8008,0x8008,-1", "0,0,9", "0x8003,0x8003,0x8004", "65536,65536,-1",
        "0,0,-2"})
    void anInconsistentPackedStateIsRefused(String lastAvailIdx, String usedIdx, String signalledUsed) {
        QueueState state = new QueueState(Integer.decode(lastAvailIdx), Integer.decode(usedIdx),
            Integer.decode(signalledUsed));
        VirtqueueLayout layout = guest.ring(RingFormat.PACKED, 8);
        assertThatIllegalArgumentException().isThrownBy(() -> Virtqueue.of(layout, guest.memory(), FEATURES, state))
            .withMessageContaining(state.toString());
    }

    @Test
    void aPackedRingMayHaveAnySizeUpTo32768() {
        assertThat(guest.ring(RingFormat.PACKED, 5).size()).isEqualTo(5);
        assertThatIllegalArgumentException().isThrownBy(() -> RingFormat.PACKED.checkSize(32769));
        assertThatIllegalArgumentException().isThrownBy(() -> RingFormat.PACKED.checkSize(0));
        assertThatIllegalArgumentException()
            .isThrownBy(() -> new VirtqueueLayout(RingFormat.PACKED, 8, 16, 18, 16))
            .withMessageContaining("driver event suppression");
    }

    @Test
    void anotherLayoutMustHaveTheSameSize() {
        SplitVirtqueue queue = guest.split(guest.ring(8), FEATURES);
        VirtqueueLayout smaller = guest.ring(4);
        assertThatIllegalArgumentException().isThrownBy(() -> queue.memory(guest.memory(), smaller));
    }

    @Test
    void theHeaderLengthFollowsFromTheFeatures() {
        assertThat(VirtioNetHeader.length(0)).isEqualTo(10);
        assertThat(VirtioNetHeader.length(Features.MRG_RXBUF)).isEqualTo(12);
        assertThat(VirtioNetHeader.length(Features.VERSION_1)).isEqualTo(12);
    }

    @Test
    void headerFieldsLieWhereTheSpecificationSays() {
        long at = guest.host(guest.allocate(VirtioNetHeader.LENGTH));
        VirtioNetHeader.flags(at, VirtioNetHeader.NEEDS_CSUM);
        VirtioNetHeader.gsoType(at, VirtioNetHeader.GSO_TCPV6 | VirtioNetHeader.GSO_ECN);
        VirtioNetHeader.headerBytes(at, 0x0302);
        VirtioNetHeader.gsoSize(at, 0xFFFE);
        VirtioNetHeader.csumStart(at, 34);
        VirtioNetHeader.csumOffset(at, 16);
        VirtioNetHeader.numBuffers(at, 513);
        byte[] bytes = new byte[VirtioNetHeader.LENGTH];
        RawMemory.copyToArray(at, bytes, 0, bytes.length);
        assertThat(bytes).containsExactly(1, 0x84, 2, 3, 0xFE, 0xFF, 34, 0, 16, 0, 1, 2);
        assertThat(VirtioNetHeader.gsoType(at)).isEqualTo(0x84);
        assertThat(VirtioNetHeader.headerBytes(at)).isEqualTo(0x0302);
        assertThat(VirtioNetHeader.gsoSize(at)).isEqualTo(0xFFFE);
        assertThat(VirtioNetHeader.csumStart(at)).isEqualTo(34);
        assertThat(VirtioNetHeader.csumOffset(at)).isEqualTo(16);
        assertThat(VirtioNetHeader.numBuffers(at)).isEqualTo(513);
        VirtioNetHeader.plain(at);
        RawMemory.copyToArray(at, bytes, 0, bytes.length);
        assertThat(bytes).containsExactly(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0);
    }

    @Test
    void featuresAreNamed() {
        assertThat(Features.describe(0)).isEmpty();
        assertThat(Features.describe(Features.MRG_RXBUF | Features.VERSION_1 | Features.HOST_USO | 1L << 63))
            .isEqualTo("MRG_RXBUF,VERSION_1,HOST_USO,bit63");
        assertThat(Features.describe(Features.RING_RESET | Features.STANDBY | Features.GUEST_USO4))
            .isEqualTo("RING_RESET,GUEST_USO4,STANDBY");
    }
}
