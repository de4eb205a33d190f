package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** One handover after the other, on every kind of wire at once: nothing wears out. */
@Timeout(300)
class HandoverSeriesTest {
    private static final int HANDOVERS = 200;

    @Test
    void twoHundredInARowLoseNothingAndLeaveNothing() throws Exception {
        try (HandoverWorld world = new HandoverWorld()) {
            world.handOver(HandoverWorld.OPTIONS, HandoverWorld.OPTIONS);
            TapKernelState kernel = world.tap();
            Map<String, Long> descriptors = OpenDescriptors.byKind();
            for (int i = 1; i < HANDOVERS; i++) {
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
