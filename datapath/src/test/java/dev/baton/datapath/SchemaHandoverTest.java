package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.TunTap;
import dev.baton.tap.TapDevice;
import dev.baton.tap.TapQueueState;
import java.util.Objects;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** An older owner hands over to a newer one, and a newer one to an older one, under traffic. */
@Timeout(120)
class SchemaHandoverTest {
    @ParameterizedTest
    @CsvSource({"0,1,0", "1,0,0", "0,0,0", "1,1,1"})
    void frameByFrameTheyAgree(int outgoing, int incoming, int spoken) throws Exception {
        try (HandoverWorld world = new HandoverWorld()) {
            TapKernelState kernel = world.tap();
            int probed = device(world).probedOffloads();
            Takeover takeover = world.handOver(HandoverWorld.OPTIONS.withMaxSchemaVersion(outgoing),
                HandoverWorld.OPTIONS.withMaxSchemaVersion(incoming));
            assertThat(takeover.report().carried()).isEqualTo(HandoverWorld.ALL);
            assertThat(world.tap()).isEqualTo(kernel);
            // What version 0 has no field for is not there afterwards; everything else is.
            int known = spoken == 0 ? ~TunTap.TUN_F_UDP_TUNNEL_GSO : ~0;
            assertThat(device(world).probedOffloads()).isEqualTo(probed & known);
            assertThat(device(world).state().queues()).extracting(TapQueueState::hasTunnel)
                .containsOnly((probed & known & TunTap.TUN_F_UDP_TUNNEL_GSO) != 0);
            world.awaitProgress();
            world.handOver(HandoverWorld.OPTIONS, HandoverWorld.OPTIONS);
            world.awaitProgress();
            world.finish();
        }
    }

    private static TapDevice device(HandoverWorld world) {
        return Objects.requireNonNull(world.tapPort().deviceIfPresent());
    }
}
