package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.Fd;
import dev.baton.ffi.UnixSocket;
import dev.baton.handover.Edge;
import dev.baton.handover.HandoverException;
import dev.baton.handover.HandoverFaults;
import dev.baton.vhostuser.ProtocolException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A front-end that goes while its connection is being described to another owner, or to a standby. */
@Timeout(120)
class DepartureTest {
    private static final HandoverOptions OPTIONS =
        HandoverOptions.defaults().withBackendTransfer(true).withRehearsals(0);

    @AutoClose
    private final Datapath owner = Datapath.launch(DatapathConfig.defaults());
    private VhostUserPort port;
    private TestGuest guest;
    private final AtomicBoolean gone = new AtomicBoolean();

    @BeforeEach
    void connect() throws ProtocolException {
        port = owner.add(VhostUserPortConfig.listen("guest", TestSockets.path("guest")));
        owner.wire(port, owner.add(LoopbackPortConfig.named("loop")));
        guest = TestGuest.connect(port.socketPath());
    }

    /** The description is made, and its first port is about to be sent. */
    private HandoverOptions departing() {
        return OPTIONS.withFaults(new HandoverFaults() {
            @Override
            public void at(Edge edge) {
                if (edge == Edge.OUTGOING_PORT && gone.compareAndSet(false, true)) {
                    guest.close();
                    while (!owner.state(port).startsWith("waiting")) {
                        Thread.onSpinWait();
                    }
                }
            }
        });
    }

    private static void assertServesTheNext(Datapath datapath, VhostUserPort port) throws ProtocolException {
        try (TestGuest next = TestGuest.connect(port.socketPath())) {
            SequencedFrames frames = new SequencedFrames();
            while (frames.received() < 100) {
                frames.send(next, 0, 60);
                next.receive(0, frames);
            }
            assertThat(frames.wrong()).isZero();
            assertThat(datapath.state(port)).startsWith("connected");
        }
    }

    @Test
    void isNoReasonToRefuseATakeover() throws ProtocolException {
        OwnerPair pair = OwnerPair.start(owner, departing(), OPTIONS);
        try (Datapath next = pair.incoming().join().datapath()) {
            assertThat(gone).isTrue();
            assertServesTheNext(next, (VhostUserPort) next.ports().getFirst());
        }
    }

    @Test
    void isNoReasonToRefuseAStandby() throws HandoverException, ProtocolException {
        Fd[] pair = UnixSocket.pair(UnixSocket.STREAM);
        CompletableFuture<Void> served = CompletableFuture.runAsync(() -> {
            try {
                owner.standBy(pair[0], departing());
            } catch (HandoverException e) {
                throw new CompletionException(e);
            }
        }, task -> Thread.ofPlatform().daemon().start(task));
        try (Standby standby = Standby.attach(pair[1], OPTIONS)) {
            assertThat(gone).isTrue();
            assertThat(standby.ports()).isEqualTo(2);
            assertServesTheNext(owner, port);
        }
        // The owner may have been describing what has changed when the standby went, and says so then.
        served.handle((nothing, problem) -> "over").join();
    }
}
