package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.handover.Edge;
import dev.baton.handover.HandoverError;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A datapath changes its owner under traffic; both owners live in this process and share nothing but the channel. */
@Timeout(180)
class HandoverTest {
    private static final HandoverOptions OPTIONS =
        HandoverOptions.defaults().withBackendTransfer(true).withRehearsals(100);

    private Datapath owner = Datapath.launch(DatapathConfig.defaults());

    @AfterEach
    void close() {
        owner.close();
    }

    private Takeover handOver() {
        HandoverPair pair = HandoverPair.attempt(owner, OPTIONS, OPTIONS);
        owner = pair.datapath();
        return Objects.requireNonNull(pair.takeover());
    }

    @Test
    void twoGuestsNeverNotice() throws Exception {
        VhostUserPort a = owner.add(VhostUserPortConfig.listen("a", TestSockets.path("a")));
        VhostUserPort b = owner.add(VhostUserPortConfig.listen("b", TestSockets.path("b")));
        owner.wire(a, b);
        try (TestGuest guestA = TestGuest.connect(a.socketPath());
             TestGuest guestB = TestGuest.connect(b.socketPath());
             GuestTraffic traffic = new GuestTraffic(guestA, guestB)) {
            for (int i = 0; i < 20; i++) {
                Takeover takeover = handOver();
                assertThat(takeover.report().carried()).isEqualTo(new Carried(2, 1, 1, 2, 4, 2, 0, List.of()));
                assertThat(takeover.report().recovered()).isZero();
                traffic.awaitProgress();
            }
            traffic.finish();
            awaitCounts(traffic);
            assertThat(owner.state(port("a"))).startsWith("connected, 2 of 2 virtqueues");
        }
    }

    /** Frames are counted by twenty owners, the last of them perhaps a moment after they arrived. */
    private void awaitCounts(GuestTraffic traffic) {
        while (stats("a").rx().frames() < traffic.there.sent() || stats("b").rx().frames() < traffic.back.sent()) {
            Thread.onSpinWait();
        }
        assertThat(stats("a").rx().frames()).isEqualTo(traffic.there.sent());
        assertThat(stats("b").rx().frames()).isEqualTo(traffic.back.sent());
    }

    /** After the handover the front end talks to the new owner, by the same connection. */
    @Test
    void aFrontEndIsServedByTheNewOwner() throws Exception {
        VhostUserPort a = owner.add(VhostUserPortConfig.listen("a", TestSockets.path("a")));
        LoopbackPort loop = owner.add(LoopbackPortConfig.named("loop"));
        owner.wire(a, loop);
        try (TestGuest guest = TestGuest.connect(a.socketPath())) {
            handOver();
            assertThat(guest.frontEnd.stopRing(0)).isNotNegative();
            while (!owner.state(port("a")).startsWith("connected, 1 of 2 virtqueues")) {
                Thread.onSpinWait();
            }
        }
        while (!owner.state(port("a")).startsWith("waiting for a front-end")) {
            Thread.onSpinWait();
        }
        try (TestGuest _ = TestGuest.connect(a.socketPath())) {
            handOver();
            assertThat(owner.state(port("a"))).startsWith("connected, 2 of 2 virtqueues");
        }
    }

    @Test
    void framesThatWaitInABackEndReachTheNewOwner() throws Exception {
        VhostUserPort a = owner.add(VhostUserPortConfig.listen("a", TestSockets.path("a")));
        LoopbackPort loop = owner.add(LoopbackPortConfig.named("loop"));
        owner.wire(a, loop);
        try (TestGuest guest = TestGuest.connect(a.socketPath())) {
            SequencedFrames frames = new SequencedFrames();
            for (int i = 0; i < 5; i++) {
                while (frames.sent() < 1000L * (i + 1)) {
                    frames.send(guest, 0, 60);
                    guest.receive(0, frames);
                }
                handOver();
            }
            while (frames.received() < frames.sent()) {
                guest.receive(0, frames);
            }
            assertThat(frames.wrong()).isZero();
        }
    }

    /** An owner whose agent does not let go is the owner still, and no one is kept waiting when the agent goes on. */
    @Test
    void anAgentThatIsStuckKeepsItsLanes() throws Exception {
        VhostUserPort a = owner.add(VhostUserPortConfig.listen("a", TestSockets.path("a")));
        LoopbackPort loop = owner.add(LoopbackPortConfig.named("loop"));
        owner.wire(a, loop);
        CountDownLatch on = new CountDownLatch(1);
        DatapathAgent agent = owner.agents().getFirst();
        HandoverOptions stuck = OPTIONS.withFaults(new RecordedEdges(edge -> {
            if (edge == Edge.OUTGOING_RELEASE) {
                agent.post(() -> Patience.await("the agent may go on", () -> on.getCount() == 0));
                CompletableFuture.delayedExecutor(12, TimeUnit.SECONDS).execute(on::countDown);
            }
        }));
        try (TestGuest guest = TestGuest.connect(a.socketPath())) {
            HandoverPair pair = HandoverPair.attempt(owner, stuck, OPTIONS);
            assertThat(Objects.requireNonNull(pair.outgoing()).kind()).isEqualTo(HandoverError.CANNOT_HAND_OVER);
            assertThat(pair.outgoing().reason()).contains("did not answer within 10 s");
            assertThat(pair.incoming()).isNotNull();
            SequencedFrames frames = new SequencedFrames();
            Patience.await("frames come back", () -> {
                frames.send(guest, 0, 60);
                guest.receive(0, frames);
                return frames.received() > 100;
            });
            int base = guest.frontEnd.stopRing(1);
            guest.frontEnd.startRing(guest.rings.get(1), base);
            guest.frontEnd.enableRing(1, true);
            handOver();
            Patience.await("all have come back", () -> {
                guest.receive(0, frames);
                return frames.received() == frames.sent();
            });
            assertThat(frames.wrong()).isZero();
        }
    }

    /** The kernel sees the same queues, attached or not, with the same settings. */
    @Test
    void aTapIsTakenOverAsItIs() throws Exception {
        try (TestNamespace namespace = TestNamespace.createOrSkip()) {
            VhostUserPort a = owner.add(VhostUserPortConfig.listen("a", TestSockets.path("a")).withQueuePairs(2));
            TapPort tap = owner.add(TapPortConfig.named("t0").withQueuePairs(3).withNetns(namespace.path()));
            owner.wire(a, tap);
            try (TestGuest guest = TestGuest.connect(a.socketPath())) {
                String before = owner.state(tap);
                assertThat(before).contains("of 3 queues attached");
                for (int i = 0; i < 3; i++) {
                    Takeover takeover = handOver();
                    assertThat(takeover.report().carried().tapQueues()).isEqualTo(3);
                    assertThat(owner.state(port("t0"))).isEqualTo(before);
                }
                assertThat(guest.send(0, new byte[60])).isTrue();
                while (stats("t0").tx().frames() < 1) {
                    Thread.onSpinWait();
                }
            }
        }
    }

    private Port port(String name) {
        return Objects.requireNonNull(owner.port(name));
    }

    private PortStats stats(String port) {
        return Objects.requireNonNull(owner.counters().ports().get(port));
    }
}
