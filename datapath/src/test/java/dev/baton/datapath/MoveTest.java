package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Objects;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Queue pairs change their agent while they carry traffic. */
@Timeout(120)
class MoveTest {
    private static final int MOVES = 1_000;

    private Datapath datapath = launch(IdleMode.ADAPTIVE);

    private static Datapath launch(IdleMode mode) {
        return Datapath.launch(DatapathConfig.defaults().withCpus(0, 1).withIdleMode(mode));
    }

    @AfterEach
    void close() {
        datapath.close();
    }

    @ParameterizedTest
    @EnumSource(IdleMode.class)
    void noFrameIsLostRepeatedOrReordered(IdleMode mode) throws InterruptedException {
        datapath.close();
        datapath = launch(mode);
        MemoryPort a = datapath.add(MemoryPortConfig.named("a"));
        MemoryPort b = datapath.add(MemoryPortConfig.named("b"));
        datapath.wire(a, b);
        try (Traffic traffic = new Traffic(a, b)) {
            traffic.start();
            for (int i = 0; i < MOVES; i++) {
                Blackout blackout = datapath.move(i % 2 == 0 ? a : b, 0, 1 - i % 2);
                assertThat(blackout.resumedNs()).isGreaterThanOrEqualTo(blackout.releasedNs());
            }
            traffic.finish();
            assertThat(traffic.there.received()).isPositive();
            assertThat(traffic.there.wrong() + traffic.back.wrong()).isZero();
            assertThat(stats("a").rx().frames()).isEqualTo(traffic.there.sent());
            assertThat(stats("a").tx().frames()).isEqualTo(traffic.back.sent());
        }
    }

    @Test
    void pairsThatShareAQueueMoveTogetherAndOthersStay() {
        MemoryPort a = datapath.add(MemoryPortConfig.named("a").withQueuePairs(4));
        MemoryPort b = datapath.add(MemoryPortConfig.named("b").withQueuePairs(2));
        datapath.wire(a, b);
        datapath.move(a, 2, 1);
        assertThatThrownBy(() -> datapath.move(a, 0, 1)).isInstanceOf(DatapathException.class)
            .hasMessageContaining("is with baton-agent-1 already");
        assertThatThrownBy(() -> datapath.move(b, 0, 1)).hasMessageContaining("is with baton-agent-1 already");
        for (int pair = 0; pair < 4; pair++) {
            SequencedFrames frames = new SequencedFrames();
            while (frames.received() < 100) {
                frames.send(a.driver(pair), 60);
                b.driver(pair % 2).receive(frames, 64);
            }
            while (frames.received() < frames.sent()) {
                b.driver(pair % 2).receive(frames, 64);
            }
            assertThat(frames.wrong()).isZero();
        }
    }

    /** What was read from a TAP and did not fit the guest's buffers moves with its queue. */
    @Test
    void aPendingFrameMovesToo() {
        try (TestNamespace namespace = TestNamespace.createOrSkip()) {
            MemoryPort guest = datapath.add(MemoryPortConfig.named("guest").withQueueSize(16));
            TapPort tap = datapath.add(TapPortConfig.named("t0").withNetns(namespace.path()));
            datapath.wire(guest, tap);
            for (int i = 0; i < 50; i++) {
                datapath.move(tap, 0, 1 - i % 2);
            }
            assertThat(datapath.state(tap)).startsWith("up, 1 of 1 queues attached");
        }
    }

    /** One that does not answer keeps what it has, and the next move begins anew. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void anAgentThatIsStuckMakesNoMoveHalf(int stuck) throws InterruptedException {
        MemoryPort a = datapath.add(MemoryPortConfig.named("a"));
        MemoryPort b = datapath.add(MemoryPortConfig.named("b"));
        datapath.wire(a, b);
        CountDownLatch on = new CountDownLatch(1);
        datapath.agents().get(stuck).post(() -> Patience.await("the agent may go on", () -> on.getCount() == 0));
        assertThatThrownBy(() -> datapath.move(a, 0, 1)).isInstanceOf(DatapathException.class)
            .hasMessageContaining("baton-agent-" + stuck + " did not answer");
        on.countDown();
        try (Traffic traffic = new Traffic(a, b)) {
            traffic.start();
            for (int i = 0; i < 20; i++) {
                datapath.move(a, 0, 1 - i % 2);
            }
            traffic.finish();
            assertThat(traffic.there.received()).isPositive();
            assertThat(traffic.there.wrong() + traffic.back.wrong()).isZero();
        }
    }

    /** What waits for one guest is none of the next one's. */
    @Test
    void aPendingFrameGoesWithItsWire() {
        try (TestNamespace namespace = TestNamespace.createOrSkip()) {
            MemoryPort guest = datapath.add(MemoryPortConfig.named("guest"));
            TapPort tap = datapath.add(TapPortConfig.named("t0").withNetns(namespace.path()));
            Wire wire = datapath.wire(guest, tap);
            StagingSlot slot = tap.stagingSlot(0);
            datapath.conductor().run(() -> slot.pending(slot.spill(), 100));
            assertThat(slot.pendingBytes()).isEqualTo(100);
            datapath.unwire(wire);
            assertThat(slot.pendingBytes()).isZero();
        }
    }

    @Test
    void whatCannotBeMovedIsRefusedByASentence() {
        MemoryPort a = datapath.add(MemoryPortConfig.named("a"));
        MemoryPort b = datapath.add(MemoryPortConfig.named("b"));
        assertThatThrownBy(() -> datapath.move(a, 0, 1)).hasMessage("port a is not wired");
        datapath.wire(a, b);
        assertThatThrownBy(() -> datapath.move(a, 1, 1)).hasMessageContaining("port a has no queue pair 1");
        assertThatThrownBy(() -> datapath.move(a, 0, 2)).hasMessage("there is no agent 2, they are 0 to 1");
        assertThatThrownBy(() -> datapath.move(a, 0, 0)).hasMessageContaining("is with baton-agent-0 already");
    }

    private PortStats stats(String port) {
        return Objects.requireNonNull(datapath.counters().ports().get(port));
    }

    /** Frames both ways, by one thread that plays both guests. */
    private static final class Traffic implements AutoCloseable {
        private final SequencedFrames there = new SequencedFrames();
        private final SequencedFrames back = new SequencedFrames();
        private final Thread thread;
        private volatile boolean finishing;
        private volatile boolean stopped;

        Traffic(MemoryPort a, MemoryPort b) {
            Random random = new Random(3);
            thread = new Thread(() -> {
                while (!stopped
                    && (!finishing || there.received() < there.sent() || back.received() < back.sent())) {
                    if (!finishing) {
                        there.send(a.driver(0), 60 + random.nextInt(1400));
                        back.send(b.driver(0), 60 + random.nextInt(5000));
                    }
                    b.driver(0).receive(there, 64);
                    a.driver(0).receive(back, 64);
                }
            });
        }

        void start() {
            thread.start();
        }

        void finish() throws InterruptedException {
            finishing = true;
            thread.join();
        }

        /** The ports' memory goes next. */
        @Override
        public void close() {
            stopped = true;
            while (thread.isAlive()) {
                Thread.onSpinWait();
            }
        }
    }
}
