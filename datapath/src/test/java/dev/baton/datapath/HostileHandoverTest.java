package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.FileIo;
import dev.baton.ffi.MemFd;
import dev.baton.handover.Edge;
import dev.baton.handover.HandoverFaults;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * No guest can keep a datapath from changing its owner: it loses its own port, and the traffic of others goes on.
 *
 * <pre>
 *   hostile guest ===== h ------ loop
 *   guest a ----------- a ------ b ----------- guest b        traffic both ways, every frame accounted for
 * </pre>
 */
@Timeout(120)
class HostileHandoverTest {
    private Datapath owner = Datapath.launch(DatapathConfig.defaults());
    private VhostUserPort h;
    private TestGuest a;
    private TestGuest b;
    private GuestTraffic others;

    @BeforeEach
    void open() throws Exception {
        h = owner.add(VhostUserPortConfig.listen("h", TestSockets.path("h")));
        owner.wire(h, owner.add(LoopbackPortConfig.named("loop")));
        VhostUserPort portA = owner.add(VhostUserPortConfig.listen("a", TestSockets.path("a")));
        VhostUserPort portB = owner.add(VhostUserPortConfig.listen("b", TestSockets.path("b")));
        owner.wire(portA, portB);
        a = TestGuest.connect(portA.socketPath());
        b = TestGuest.connect(portB.socketPath());
        others = new GuestTraffic(a, b);
        others.awaitProgress();
    }

    @AfterEach
    void othersLoseNothing() {
        others.awaitProgress();
        others.finish();
        a.close();
        b.close();
        owner.close();
    }

    private void handOver() {
        owner = HandoverPair.attempt(owner, HandoverWorld.OPTIONS, HandoverWorld.OPTIONS).datapath();
    }

    private long faults(String reason) {
        return faults().getOrDefault(reason, 0L);
    }

    private Map<String, Long> faults() {
        return Objects.requireNonNull(owner.counters().ports().get("h")).faultsByReason();
    }

    /** The new owner takes the eventfd as it is, and helps itself when it is to be signalled. */
    @Test
    void anEventFdThatBlocksIsNoVeto() throws Exception {
        try (TestGuest guest = TestGuest.connect(h.socketPath())) {
            HostileFrontEndTest.fill(guest.rings.get(0).call());
            handOver();
            guest.receiveq(0).enableNotifications();
            guest.send(0, new byte[60]);
            while (faults("eventfd-blocks") == 0) {
                Thread.onSpinWait();
            }
        }
        TestGuest.connect(port().socketPath()).close();
    }

    /** Its memory could not be mapped: the old owner ends the connection before it says what there is. */
    @Test
    void memoryThatWasCutShortIsNoVeto() throws Exception {
        try (TestGuest guest = TestGuest.connect(h.socketPath())) {
            FileIo.truncate(guest.memory.file(), 0);
            handOver();
            assertThat(owner.state(port())).startsWith("waiting for a front-end");
            assertThat(faults("memory-truncated")).isPositive();
        }
        TestGuest.connect(port().socketPath()).close();
    }

    /** It does so when the old owner has looked, and the new one is about to map. */
    @Test
    void memoryThatIsCutShortMeanwhileIsNoVeto() throws Exception {
        try (TestGuest guest = TestGuest.connect(h.socketPath())) {
            assertThat(losesItsConnection(() -> FileIo.truncate(guest.memory.file(), 0)))
                .isEqualTo("memory-truncated");
        }
    }

    /** The old owner has it mapped and could go on; nobody else could ever map it. */
    @Test
    void memoryThatIsSealedIsNoVeto() throws Exception {
        for (boolean meanwhile : new boolean[] {false, true}) {
            try (TestGuest guest = TestGuest.connect(port().socketPath())) {
                Runnable seal = () -> MemFd.seal(guest.memory.file(), MemFd.F_SEAL_FUTURE_WRITE);
                if (!meanwhile) {
                    seal.run();
                }
                assertThat(losesItsConnection(meanwhile ? seal : () -> { })).isEqualTo("memory-sealed");
            }
        }
    }

    /** Hands over, with something happening in between; returns what the front-end h has done wrong. */
    private String losesItsConnection(Runnable meanwhile) throws Exception {
        Map<String, Long> before = faults();
        HandoverFaults mapping = new HandoverFaults() {
            @Override
            public void at(Edge edge) {
                if (edge == Edge.INCOMING_PRE_INCOMING) {
                    meanwhile.run();
                }
            }
        };
        owner = HandoverPair.attempt(owner, HandoverWorld.OPTIONS, HandoverWorld.OPTIONS.withFaults(mapping))
            .datapath();
        assertThat(owner.state(port())).startsWith("waiting for a front-end");
        TestGuest.connect(port().socketPath()).close();
        return faults().entrySet().stream().filter(fault -> !fault.getValue().equals(before.get(fault.getKey())))
            .map(Map.Entry::getKey).collect(Collectors.joining(" "));
    }

    private VhostUserPort port() {
        return (VhostUserPort) Objects.requireNonNull(owner.port("h"));
    }
}
