package dev.baton.virtqueue;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;
import org.junit.jupiter.api.Test;

/** Addresses are only compared here, never used. */
class GuestMemoryTest {
    private static final MemoryRegion LOW = new MemoryRegion(0, 0x1000, 0x7000_0000L, 0x10_0000L);
    private static final MemoryRegion HIGH = new MemoryRegion(0x1000, 0x2000, 0x7800_0000L, 0x20_0000L);
    private static final MemoryRegion FAR = new MemoryRegion(0x1_0000, 0x1000, 0x7900_0000L, 0x30_0000L);

    private final GuestMemory memory = GuestMemory.of(List.of(FAR, HIGH, LOW));

    @Test
    void aWholeRangeInsideARegionIsTranslated() {
        assertThat(memory.translate(0, 1)).isEqualTo(0x10_0000L);
        assertThat(memory.translate(0, 0x1000)).isEqualTo(0x10_0000L);
        assertThat(memory.translate(0x1000, 0x2000)).isEqualTo(0x20_0000L);
        assertThat(memory.translate(0x1_0FFF, 1)).isEqualTo(0x30_0FFFL);
    }

    @Test
    void aRangeThatLeavesItsRegionIsNot() {
        assertThat(memory.translate(0xFFF, 2)).as("runs into the next region").isZero();
        assertThat(memory.translate(0x3000, 1)).as("in a gap").isZero();
        assertThat(memory.translate(0x1_0000, 0x1001)).isZero();
        assertThat(memory.translate(0x1_1000, 1)).isZero();
        assertThat(memory.translate(-1, 1)).isZero();
        assertThat(memory.translate(Long.MIN_VALUE, 1)).isZero();
        assertThat(memory.translate(0x1_0000, Long.MAX_VALUE)).as("overflows").isZero();
        assertThat(memory.translate(0, 0)).as("empty").isZero();
        assertThat(memory.translate(0, -1)).isZero();
        assertThat(GuestMemory.EMPTY.translate(0, 1)).isZero();
    }

    @Test
    void ringPartsAreTranslatedByUserAddress() {
        assertThat(memory.translateUser(0x7800_0010L, 0x1FF0)).isEqualTo(0x20_0010L);
        assertThat(memory.translateUser(0x7800_0010L, 0x1FF1)).isZero();
        assertThat(memory.translateUser(0x1000, 1)).isZero();
        assertThat(memory.translateUser(-1, 2)).isZero();
    }

    @Test
    void regionsAreKeptInOrder() {
        assertThat(memory.regions()).containsExactly(LOW, HIGH, FAR);
        assertThat(GuestMemory.of(List.of())).isSameAs(GuestMemory.EMPTY);
    }

    @Test
    void overlapIsRefusedByName() {
        MemoryRegion other = new MemoryRegion(0x2FFF, 1, 1, 1);
        assertThatIllegalArgumentException().isThrownBy(() -> GuestMemory.of(List.of(other, HIGH)))
            .withMessageContaining("overlap").withMessageContaining("0x2fff");
    }

    @Test
    void emptyOrOverflowingRegionsAreRefusedByName() {
        assertThatIllegalArgumentException().isThrownBy(() -> new MemoryRegion(0, 0, 0, 1))
            .withMessageContaining("size 0");
        assertThatIllegalArgumentException().isThrownBy(() -> new MemoryRegion(0, -1, 0, 1))
            .withMessageContaining("size -1");
        assertThatIllegalArgumentException().isThrownBy(() -> new MemoryRegion(Long.MAX_VALUE, 1, 0, 1))
            .withMessageContaining("guest address").withMessageContaining("overflows");
        assertThatIllegalArgumentException().isThrownBy(() -> new MemoryRegion(0, 2, Long.MAX_VALUE - 1, 1))
            .withMessageContaining("user address");
        assertThatIllegalArgumentException().isThrownBy(() -> new MemoryRegion(0, 1, 0, -5))
            .withMessageContaining("host address");
        assertThatIllegalArgumentException().isThrownBy(() -> new MemoryRegion(0, 1, 0, 0))
            .withMessageContaining("without a host address");
    }
}
