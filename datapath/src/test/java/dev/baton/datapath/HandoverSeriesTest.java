package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** One handover after the other, on every kind of wire at once: nothing wears out. */
@Timeout(300)
class HandoverSeriesTest {
    /** Frames of the TAP that do not fit one buffer of the guest, and such as do, which are read in bursts. */
    @ParameterizedTest
    @CsvSource({"200, 4000, true", "50, 1500, true", "50, 1500, false"})
    void manyInARowLoseNothingAndLeaveNothing(int handovers, int mtu, boolean ioUring) throws Exception {
        try (HandoverWorld world = new HandoverWorld(mtu, ioUring)) {
            world.handOver(HandoverWorld.OPTIONS, HandoverWorld.OPTIONS);
            TapKernelState kernel = world.tap();
            Map<String, Long> descriptors = OpenDescriptors.byKind();
            for (int i = 1; i < handovers; i++) {
                HandoverReport report = world.handOver(HandoverWorld.OPTIONS, HandoverWorld.OPTIONS).report();
                assertThat(report.recovered()).isZero();
                assertThat(report.carried()).isEqualTo(HandoverWorld.ALL);
                assertThat(report.blackouts()).hasSize(3).allMatch(pause -> pause.resumedNs() >= pause.releasedNs());
            }
            assertThat(OpenDescriptors.byKind()).isEqualTo(descriptors);
            assertThat(world.tap()).isEqualTo(kernel);
            world.awaitProgress();
            world.finish();
        }
    }
}
