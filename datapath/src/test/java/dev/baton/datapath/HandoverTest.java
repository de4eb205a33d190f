package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.Fd;
import dev.baton.ffi.UnixSocket;
import dev.baton.handover.HandoverException;
import dev.baton.handover.LaneConfirmation;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A datapath changes its owner under traffic; both owners live in this process and share nothing but the channel. */
@Timeout(180)
class HandoverTest {
    private static final HandoverOptions OPTIONS =
        HandoverOptions.defaults().withBackendTransfer(true).withRehearsals(500);

    private Datapath owner = Datapath.launch(DatapathConfig.defaults());

    @AfterEach
    void close() {
        owner.close();
    }

    /** Both halves at the same time; the new owner takes the place of the old one. */
    private Takeover handOver(HandoverOptions outgoing, HandoverOptions incoming) throws HandoverException {
        Fd[] pair = UnixSocket.pair(UnixSocket.STREAM);
        Datapath old = owner;
        CompletableFuture<List<LaneConfirmation>> released = CompletableFuture.supplyAsync(() -> {
            try {
                return old.handOver(pair[0], outgoing);
            } catch (HandoverException e) {
                throw new CompletionException(e);
            }
        });
        Takeover takeover = Datapath.takeOver(pair[1], incoming);
        owner = takeover.datapath();
        assertThat(released.join()).hasSameSizeAs(takeover.report().blackouts());
        return takeover;
    }

    @Test
    void twoGuestsNeverNotice() throws Exception {
        VhostUserPort a = owner.add(VhostUserPortConfig.listen("a", TestSockets.path("a")));
        VhostUserPort b = owner.add(VhostUserPortConfig.listen("b", TestSockets.path("b")));
        owner.wire(a, b);
        try (TestGuest guestA = TestGuest.connect(a.socketPath());
             TestGuest guestB = TestGuest.connect(b.socketPath())) {
            GuestTraffic traffic = new GuestTraffic(guestA, guestB);
            traffic.start();
            for (int i = 0; i < 20; i++) {
                Takeover takeover = handOver(OPTIONS, OPTIONS);
                assertThat(takeover.report().carried()).isEqualTo(new Carried(2, 1, 1, 2, 4, 2, 0, List.of()));
                assertThat(takeover.report().recovered()).isZero();
                traffic.awaitProgress();
            }
            traffic.finish();
            assertThat(traffic.there.wrong() + traffic.back.wrong()).isZero();
            assertThat(stats("a").rx().frames()).isEqualTo(traffic.there.sent());
            assertThat(stats("b").rx().frames()).isEqualTo(traffic.back.sent());
            assertThat(owner.state(Objects.requireNonNull(owner.port("a")))).startsWith("connected, 2 of 2 virtqueues");
        }
    }

    private PortStats stats(String port) {
        return Objects.requireNonNull(owner.counters().ports().get(port));
    }

    /** Frames both ways, by one thread that plays both guests. */
    private static final class GuestTraffic {
        private final SequencedFrames there = new SequencedFrames();
        private final SequencedFrames back = new SequencedFrames();
        private final CompletableFuture<Void> done = new CompletableFuture<>();
        private final Thread thread;
        private volatile boolean finishing;
        private volatile long received;

        GuestTraffic(TestGuest a, TestGuest b) {
            thread = new Thread(() -> {
                try {
                    while (!finishing || there.received() < there.sent() || back.received() < back.sent()) {
                        if (!finishing) {
                            there.send(a, 0, 60);
                            back.send(b, 0, 1000);
                        }
                        b.receive(0, there);
                        a.receive(0, back);
                        received = there.received() + back.received();
                    }
                    done.complete(null);
                } catch (RuntimeException e) {
                    done.completeExceptionally(e);
                }
            });
        }

        void start() {
            thread.start();
        }

        void awaitProgress() {
            long before = received;
            while (received < before + 100 && !done.isDone()) {
                Thread.onSpinWait();
            }
        }

        void finish() {
            finishing = true;
            done.join();
        }
    }
}
