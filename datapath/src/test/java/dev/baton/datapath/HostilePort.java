package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;
import dev.baton.vhostuser.ProtocolException;
import java.nio.file.Path;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/**
 * A hostile front-end at one port, while two other ports of the same agent exchange sequence-numbered frames: the
 * hostile port suffers, by a named reason, and the others lose nothing.
 *
 * <pre>
 *   hostile front-end ===== h ------ p       one agent, one conductor for all of them
 *                           c ------ d       traffic both ways, every frame accounted for
 * </pre>
 */
abstract class HostilePort {
    @TempDir
    Path folder;

    final Datapath datapath = Datapath.launch(DatapathConfig.defaults().withName("test"));
    VhostUserPort hostile;
    MemoryPort peer;
    MemoryTraffic others;

    @BeforeEach
    void open() {
        hostile = datapath.add(VhostUserPortConfig.listen("h", folder.resolve("h")));
        peer = datapath.add(MemoryPortConfig.named("p"));
        datapath.wire(hostile, peer);
        MemoryPort c = datapath.add(MemoryPortConfig.named("c"));
        MemoryPort d = datapath.add(MemoryPortConfig.named("d"));
        datapath.wire(c, d);
        others = new MemoryTraffic(c.driver(0), d.driver(0));
        others.awaitProgress();
    }

    /** Nobody else has lost anything, and the port that suffered serves the next guest. */
    @AfterEach
    void othersLoseNothing() throws ProtocolException {
        others.awaitProgress();
        others.finish();
        for (String port : new String[] {"c", "d"}) {
            PortStats stats = stats(port);
            assertThat(stats.rx().drops() + stats.tx().drops()).isZero();
            assertThat(stats.faultsByReason()).isEmpty();
        }
        datapath.close();
    }

    final TestGuest connect() throws ProtocolException {
        return TestGuest.connect(hostile.socketPath());
    }

    final void awaitFault(String reason) {
        await(() -> stats("h").faultsByReason().getOrDefault(reason, 0L) > 0);
        assertThat(datapath.state(hostile)).contains(reason);
    }

    /** What a port does when its guest keeps the rules, again. */
    final void theNextGuestIsServed() throws ProtocolException {
        try (TestGuest next = connect()) {
            // Frames of the guest before it may have arrived; there can be no more of them now.
            drainPeer();
            SequencedFrames frames = new SequencedFrames();
            while (frames.received() < 200) {
                frames.send(next, 0, 100);
                peer.driver(0).receive(frames, 16);
            }
            assertThat(frames.wrong()).isZero();
        }
    }

    final void drainPeer() {
        while (peer.driver(0).receive((address, length) -> { }, 64) > 0) {
            Thread.onSpinWait();
        }
    }

    final long faults() {
        return stats("h").faultsByReason().values().stream().mapToLong(Long::longValue).sum();
    }

    final PortStats stats(String port) {
        return Objects.requireNonNull(datapath.counters().ports().get(port));
    }

    static void await(BooleanSupplier condition) {
        Patience.await("the hostile port has suffered", condition);
    }
}
