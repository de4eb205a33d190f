package dev.baton.tap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.baton.ffi.RawMemory;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class StagingBuffersTest {
    @Test
    void aBufferHoldsTheLargestFrame() {
        assertThat(StagingBuffers.BUFFER_BYTES).isGreaterThan(TapDevice.MAX_FRAME_BYTES);
    }

    @Test
    void eachBufferIsGivenOnceAndComesBack() {
        try (StagingBuffers staging = new StagingBuffers(4)) {
            Set<Integer> taken = new HashSet<>();
            for (int i = 0; i < 4; i++) {
                assertThat(staging.available()).isEqualTo(4 - i);
                assertThat(taken.add(staging.take())).isTrue();
            }
            assertThat(taken).containsExactlyInAnyOrder(0, 1, 2, 3);
            assertThat(staging.take()).isEqualTo(-1);

            staging.give(2);
            assertThat(staging.take()).isEqualTo(2);
        }
    }

    @Test
    void segmentsCoverTheBuffersAndBuffersDoNotOverlap() {
        try (StagingBuffers staging = new StagingBuffers(3)) {
            for (int i = 0; i < 3; i++) {
                assertThat(staging.segments().base(i)).isEqualTo(staging.address(i));
                assertThat(staging.segments().length(i)).isEqualTo(StagingBuffers.BUFFER_BYTES);
                RawMemory.fill(staging.address(i), StagingBuffers.BUFFER_BYTES, (byte) (i + 1));
            }
            for (int i = 0; i < 3; i++) {
                assertThat(RawMemory.getByte(staging.address(i))).isEqualTo((byte) (i + 1));
                assertThat(RawMemory.getByte(staging.address(i) + StagingBuffers.BUFFER_BYTES - 1))
                    .isEqualTo((byte) (i + 1));
            }
        }
    }

    @Test
    void closingTwiceIsNoError() {
        StagingBuffers staging = new StagingBuffers(1);
        staging.close();
        staging.close();

        assertThat(staging.take()).isEqualTo(-1);
    }

    @Test
    void noBuffersIsRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> new StagingBuffers(0));
    }
}
