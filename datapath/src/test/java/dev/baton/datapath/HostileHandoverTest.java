package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.MemFd;
import dev.baton.handover.Edge;
import dev.baton.handover.HandoverFaults;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

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
            HostileSignalTest.fill(guest.rings.get(0).call());
            handOver();
            guest.receiveq(0).enableNotifications();
            guest.send(0, new byte[60]);
            while (faults("eventfd-blocks") == 0) {
                Thread.onSpinWait();
            }
        }
        TestGuest.connect(port().socketPath()).close();
    }

    /** The old owner looks before it says what there is; or it has looked, and the new one is about to map. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void memoryThatIsCutShortIsNoVeto(boolean meanwhile) throws Exception {
        losesItsConnection(file -> FileIo.truncate(file, 0), meanwhile, "memory-truncated");
    }

    /** The old owner has it mapped and could go on; nobody else could ever map it. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void memoryThatIsSealedIsNoVeto(boolean meanwhile) throws Exception {
        losesItsConnection(file -> MemFd.seal(file, MemFd.F_SEAL_FUTURE_WRITE), meanwhile, "memory-sealed");
    }

    private void losesItsConnection(Consumer<Fd> spoil, boolean meanwhile, String reason) throws Exception {
        try (TestGuest guest = TestGuest.connect(h.socketPath())) {
            if (!meanwhile) {
                spoil.accept(guest.memory.file());
            }
            HandoverFaults faults = new HandoverFaults() {
                @Override
                public void at(Edge edge) {
                    if (meanwhile && edge == Edge.INCOMING_PRE_INCOMING) {
                        spoil.accept(guest.memory.file());
                    }
                }
            };
            owner = HandoverPair.attempt(owner, HandoverWorld.OPTIONS, HandoverWorld.OPTIONS.withFaults(faults))
                .datapath();
            assertThat(owner.state(port())).startsWith("waiting for a front-end");
            assertThat(faults()).containsOnlyKeys(reason);
        }
        TestGuest.connect(port().socketPath()).close();
    }

    private VhostUserPort port() {
        return (VhostUserPort) Objects.requireNonNull(owner.port("h"));
    }
}
