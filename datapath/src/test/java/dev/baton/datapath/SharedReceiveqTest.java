package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Queue pairs of one port that share a receiveq of the other take turns at its buffers. */
@Timeout(60)
class SharedReceiveqTest {
    private final Datapath datapath = Datapath.launch(DatapathConfig.defaults());

    @AfterEach
    void close() {
        datapath.close();
    }

    @Test
    void eachFrameHasABufferOfItsOwn() {
        MemoryPort a = datapath.add(MemoryPortConfig.named("a").withQueuePairs(3));
        MemoryPort b = datapath.add(MemoryPortConfig.named("b"));
        datapath.wire(a, b);
        SequencedFrames frames = new SequencedFrames();
        for (int i = 0; i < 1000; i++) {
            for (int pair = 0; pair < 3; pair++) {
                assertThat(frames.send(a.driver(pair), 60)).isTrue();
                while (a.driver(pair).inFlight() > 0) {
                    Thread.onSpinWait();
                }
            }
            // All three lie in the receiveq by now.
            assertThat(b.driver(0).receive(frames, 3)).isEqualTo(3);
        }
        assertThat(frames.wrong()).isZero();
    }
}
