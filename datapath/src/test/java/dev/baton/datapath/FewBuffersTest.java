package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.vhostuser.ProtocolException;
import java.util.Map;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Drivers that offer fewer buffers than their queue has room for. */
@Timeout(60)
class FewBuffersTest {
    private static final int SMALL_BYTES = 100;

    /** To the same receiver, of another type than the others. */
    private static byte[] longFrame() {
        byte[] frame = new byte[1400];
        byte[] start = {2, 2, 2, 2, 2, 2, 6, 6, 6, 6, 6, 6, (byte) 0x88, (byte) 0xb6};
        System.arraycopy(start, 0, frame, 0, start.length);
        return frame;
    }

    /** Buffers for the long one never come, and nobody could have told: what is behind it waits, but not for ever. */
    @ParameterizedTest
    @CsvSource({"DIRECT,false", "DIRECT,true", "BRIDGED,false", "BRIDGED,true"})
    void aFrameThatIsTooLongForAllOfThemIsDroppedInTheEnd(GuestRoute.Way way, boolean packed)
        throws ProtocolException {
        TestGuest.Shape few = TestGuest.Shape.of(packed ? TestGuest.PACKED : TestGuest.FEATURES)
            .withBuffers(64, 128, 2048).withOffered(4);
        try (GuestRoute route = new GuestRoute(way, 1500, 1);
             TestGuest one = TestGuest.connect(route.one.socketPath());
             TestGuest two = TestGuest.connect(route.two.socketPath(), few)) {
            SequencedFrames frames = new SequencedFrames();
            route.transfer(one, two, 0, 50, i -> SMALL_BYTES, frames);
            assertThat(one.send(0, longFrame())).isTrue();
            route.transfer(one, two, 0, 100, i -> SMALL_BYTES, frames);
            DirectionStats sent = route.stats("two").tx();
            assertThat(sent.frames()).isEqualTo(100);
            assertThat(sent.dropsByReason()).containsExactly(Map.entry(DropReason.TOO_LONG.reason(), 1L));
        }
    }
}
