package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.vhostuser.ProtocolException;
import dev.baton.virtqueue.Features;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A null port changes its owner while frames go both ways: not one is missing in the counters at the end. */
@Timeout(120)
class NullHandoverTest {
    private static final int FRAME_BYTES = 200;
    private static final HandoverOptions OPTIONS = HandoverOptions.defaults().withRehearsals(20).withTimeoutMs(20_000);

    private Datapath owner = Datapath.launch(DatapathConfig.defaults().withCpus(0, 1));

    @AfterEach
    void close() {
        owner.close();
    }

    private VhostUserPort wire() {
        VhostUserPort vm = owner.add(VhostUserPortConfig.listen("vm", TestSockets.path("vm")));
        owner.wire(vm, owner.add(NullPortConfig.named("null").withFrameBytes(FRAME_BYTES)));
        return vm;
    }

    /** With and without a transfer of its state, which is none. */
    @ParameterizedTest
    @CsvSource({"true,0", "false,0", "true," + Features.RING_PACKED})
    void theNextOwnerCountsOn(boolean transfer, long format) throws ProtocolException {
        VhostUserPort vm = wire();
        HandoverOptions options = OPTIONS.withBackendTransfer(transfer);
        try (Traffic traffic = new Traffic(TestGuest.connect(vm.socketPath(), 1, TestGuest.FEATURES | format))) {
            for (int i = 0; i < 10; i++) {
                HandoverPair pair = HandoverPair.attempt(owner, options, options);
                owner = pair.datapath();
                assertThat(Objects.requireNonNull(pair.takeover()).report().carried())
                    .isEqualTo(new Carried(2, 1, 1, 1, 2, 1, 0, List.of()));
                assertThat(owner.ports()).extracting(Port::describe).contains("null:null,queues=1,send=200");
                traffic.awaitProgress();
            }
            finish(traffic);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {0, Features.RING_PACKED})
    void anotherAgentCountsOn(long format) throws ProtocolException {
        VhostUserPort vm = wire();
        try (Traffic traffic = new Traffic(TestGuest.connect(vm.socketPath(), 1, TestGuest.FEATURES | format))) {
            for (int i = 0; i < 100; i++) {
                owner.move(Objects.requireNonNull(owner.port("null")), 0, 1 - i % 2);
            }
            traffic.awaitProgress();
            finish(traffic);
        }
    }

    private void finish(Traffic traffic) {
        traffic.finish();
        long sent = traffic.sent;
        long filled = traffic.received.received() + TestGuest.SIZE;
        while (stats("null").tx().frames() < sent || stats("vm").tx().frames() < filled) {
            LockSupport.parkNanos(1_000_000);
        }
        assertThat(stats("vm").rx().frames()).isEqualTo(sent);
        assertThat(stats("null").tx().frames()).isEqualTo(sent);
        assertThat(stats("null").tx().bytes()).isEqualTo(60 * sent);
        assertThat(stats("vm").tx().frames()).isEqualTo(filled);
        assertThat(stats("null").rx().frames()).isEqualTo(filled);
        assertThat(stats("null").rx().bytes()).isEqualTo(FRAME_BYTES * filled);
        assertThat(traffic.received.wrong()).isEmpty();
    }

    private PortStats stats(String port) {
        return Objects.requireNonNull(owner.counters().ports().get(port));
    }

    /** A guest that sends and receives and never looks who owns the datapath. */
    private static final class Traffic implements AutoCloseable {
        private final SentFrames received = new SentFrames(FRAME_BYTES);
        private final CompletableFuture<Void> done = new CompletableFuture<>();
        private final TestGuest guest;
        private volatile boolean finishing;
        private volatile long progress;
        private long sent;

        Traffic(TestGuest guest) {
            this.guest = guest;
            Thread.ofPlatform().daemon().start(this::play);
        }

        private void play() {
            try {
                while (!finishing) {
                    sent += guest.send(0, new byte[60]) ? 1 : 0;
                    guest.receive(0, received);
                    progress = Math.min(sent, received.received());
                }
                done.complete(null);
            } catch (RuntimeException e) {
                done.completeExceptionally(e);
            }
        }

        void awaitProgress() {
            long before = progress;
            while (progress < before + 1_000 && !done.isDone()) {
                Thread.onSpinWait();
            }
        }

        void finish() {
            finishing = true;
            done.join();
        }

        @Override
        public void close() {
            finishing = true;
            done.handle((nothing, problem) -> "over").join();
            guest.close();
        }
    }
}
