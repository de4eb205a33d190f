package dev.baton.tap;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.Errno;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class IoOutcomeTest {
    @Test
    void bytesAreMoved() {
        assertThat(IoOutcome.of(76)).isEqualTo(IoOutcome.MOVED);
        assertThat(IoOutcome.of(0)).isEqualTo(IoOutcome.MOVED);
        assertThat(IoOutcome.isDrop(IoOutcome.MOVED)).isFalse();
    }

    @ParameterizedTest
    @ValueSource(ints = {Errno.EAGAIN, Errno.EINTR})
    void nothingIsNoDrop(int errno) {
        assertThat(IoOutcome.of(-errno)).isEqualTo(IoOutcome.NOTHING);
        assertThat(IoOutcome.isDrop(IoOutcome.NOTHING)).isFalse();
        assertThat(IoOutcome.endsQueue(IoOutcome.NOTHING)).isFalse();
    }

    @Test
    void errorsOfOneFrameLeaveTheQueue() {
        assertThat(IoOutcome.of(-Errno.EINVAL)).isEqualTo(IoOutcome.FRAME_REFUSED);
        assertThat(IoOutcome.of(-Errno.EFAULT)).isEqualTo(IoOutcome.FRAME_REFUSED);
        assertThat(IoOutcome.of(-Errno.EIO)).isEqualTo(IoOutcome.INTERFACE_DOWN);
        assertThat(IoOutcome.of(-Errno.ENOMEM)).isEqualTo(IoOutcome.NO_MEMORY);
        assertThat(IoOutcome.of(-4095)).isEqualTo(IoOutcome.FAILED);
        for (int outcome = IoOutcome.FRAME_REFUSED; outcome < IoOutcome.COUNT; outcome++) {
            assertThat(IoOutcome.isDrop(outcome)).isTrue();
            assertThat(IoOutcome.endsQueue(outcome)).isEqualTo(outcome == IoOutcome.QUEUE_GONE);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {Errno.EBADFD, Errno.EBADF})
    void aDeletedDeviceEndsTheQueue(int errno) {
        assertThat(IoOutcome.of(-errno)).isEqualTo(IoOutcome.QUEUE_GONE);
    }

    @Test
    void everyOutcomeHasAReasonOfItsOwn() {
        assertThat(IntStream.range(0, IoOutcome.COUNT).mapToObj(IoOutcome::reason))
            .doesNotHaveDuplicates().allMatch(reason -> reason.matches("[a-z-]+"));
    }
}
