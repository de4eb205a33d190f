package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.handover.Edge;
import dev.baton.handover.HandoverError;
import dev.baton.handover.HandoverException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whether the state of a back end is transferred: two switches of one name, and a back end that can. */
@Timeout(120)
class SwitchTest {
    private static final HandoverOptions OFF = HandoverOptions.defaults().withRehearsals(0);
    private static final HandoverOptions ON = OFF.withBackendTransfer(true);

    private Datapath owner = Datapath.launch(DatapathConfig.defaults());

    @AfterEach
    void close() {
        owner.close();
    }

    private Takeover handOver(HandoverOptions outgoing, HandoverOptions incoming) {
        OwnerPair pair = OwnerPair.start(owner, outgoing, incoming);
        Takeover takeover = pair.incoming().join();
        pair.outgoing().join();
        owner = takeover.datapath();
        return takeover;
    }

    private VhostUserPort wire(BackendPort backEnd, boolean device) {
        VhostUserPort guest = owner.add(VhostUserPortConfig.listen("guest", TestSockets.path("guest"))
            .withQueuePairs(2).withBackendTransfer(device));
        owner.wire(guest, backEnd);
        return guest;
    }

    @Test
    void theDevicesSwitchIsOnAndTheGlobalOneIsOff() {
        assertThat(HandoverOptions.defaults().backendTransfer()).isFalse();
        assertThat(VhostUserPortConfig.listen("a", Path.of("a")).backendTransfer()).isTrue();
        assertThat(VhostUserPortConfig.connect("a", Path.of("a")).backendTransfer()).isTrue();
        assertThat(VhostUserPortConfig.listen("a", Path.of("a")).withBackendTransfer(false).withQueuePairs(2)
            .withOffloads(false).backendTransfer()).isFalse();
    }

    /** A transferred back end is the very same object of the kernel; otherwise the new owner opens one of its own. */
    @ParameterizedTest
    @CsvSource({"true,true", "true,false", "false,true", "false,false"})
    void onlyBothTogetherTransfer(boolean global, boolean device) throws Exception {
        LoopbackPort loop = owner.add(LoopbackPortConfig.named("loop").withQueuePairs(2));
        VhostUserPort guestPort = wire(loop, device);
        RecordedEdges edges = new RecordedEdges();
        try (TestGuest guest = TestGuest.connect(guestPort.socketPath())) {
            List<String> before = sockets();
            Takeover takeover = handOver(OFF.withBackendTransfer(global),
                OFF.withBackendTransfer(global).withFaults(edges));
            assertThat(sockets().equals(before)).isEqualTo(global && device);
            assertThat(takeover.report().carried().tapQueues()).isEqualTo(global && device ? 2 : 0);
            assertThat(edges.edges.contains(Edge.INCOMING_PRE_LOAD)).isEqualTo(global && device);
            assertThat(Objects.requireNonNull(owner.port("guest")).backendTransfer()).as("carried").isEqualTo(device);
            goesRound(guest);
        }
    }

    private List<String> sockets() throws IOException {
        LoopbackPort loop = (LoopbackPort) Objects.requireNonNull(owner.port("loop"));
        List<String> identities = new ArrayList<>();
        for (int pair = 0; pair < loop.queuePairs(); pair++) {
            int fd = loop.tapQueue(pair).fdValue();
            identities.add(Files.readSymbolicLink(Path.of("/proc/self/fd/" + fd)).toString());
        }
        return identities;
    }

    private static void goesRound(TestGuest guest) {
        SequencedFrames frames = new SequencedFrames();
        while (frames.received() < 100) {
            frames.send(guest, 0, 60);
            guest.receive(0, frames);
        }
        assertThat(frames.wrong()).isZero();
    }

    /** Without the transfer the new owner opens the interface by its name, before anything stops. */
    @Test
    void theOrdinaryPathOpensTheTapByName() throws Exception {
        try (TestNamespace namespace = TestNamespace.createOrSkip()) {
            TapPort tap = owner.add(TapPortConfig.named("t0").withQueuePairs(2).withNetns(namespace.path()));
            VhostUserPort guestPort = wire(tap, false);
            try (TestGuest guest = TestGuest.connect(guestPort.socketPath())) {
                RecordedEdges edges = new RecordedEdges();
                assertThat(handOver(ON, ON.withFaults(edges)).report().carried().tapQueues()).isZero();
                assertThat(edges.edges).contains(Edge.INCOMING_PRE_INCOMING).doesNotContain(Edge.INCOMING_LOAD);
                assertThat(guest.send(0, new byte[60])).isTrue();
                while (Objects.requireNonNull(owner.counters().ports().get("t0")).tx().frames() < 1) {
                    Thread.onSpinWait();
                }
            }
        }
    }

    /** The interface has one queue, and that is taken: the first back end that fails ends it all, in pre-incoming. */
    @Test
    void aBackEndThatCannotBeOpenedEndsItBeforeAnythingStops() throws Exception {
        try (TestNamespace namespace = TestNamespace.createOrSkip()) {
            TapPort tap = owner.add(TapPortConfig.named("t0").withNetns(namespace.path()));
            VhostUserPort guestPort = wire(tap, true);
            try (TestGuest guest = TestGuest.connect(guestPort.socketPath())) {
                RecordedEdges outgoing = new RecordedEdges();
                RecordedEdges incoming = new RecordedEdges();
                Map<String, Long> descriptors = OpenDescriptors.byKind();
                OwnerPair pair = OwnerPair.start(owner, OFF.withFaults(outgoing), OFF.withFaults(incoming));
                HandoverException failure = OwnerPair.failure(pair.incoming());
                assertThat(failure.section()).isEqualTo("back-end t0");
                assertThat(failure).hasMessageContaining("TUNSETIFF");
                assertThat(OwnerPair.failure(pair.outgoing())).hasMessage("section back-end t0: refused by the peer: "
                    + failure.reason());
                assertThat(outgoing.edges).doesNotContain(Edge.OUTGOING_FROZEN);
                assertThat(incoming.edges).endsWith(Edge.INCOMING_PRE_INCOMING);
                assertThat(OpenDescriptors.byKind()).isEqualTo(descriptors);
                assertThat(guest.send(0, new byte[60])).isTrue();
                handOver(ON, ON);
            }
        }
    }

    @Test
    void theTwoOwnersSwitchesMustAgree() {
        assertMismatch(ON, OFF, "backend-transfer is on at the peer, off here",
            "backend-transfer is off at the peer, on here");
        assertMismatch(OFF, ON, "backend-transfer is off at the peer, on here",
            "backend-transfer is on at the peer, off here");
        assertMismatch(ON.withProfile("0.1"), ON, "compatibility profile is \"0.1\" at the peer, \"\" here",
            "compatibility profile is \"\" at the peer, \"0.1\" here");
    }

    private void assertMismatch(HandoverOptions outgoing, HandoverOptions incoming, String newOwner, String oldOwner) {
        OwnerPair pair = OwnerPair.start(owner, outgoing, incoming);
        HandoverException fresh = OwnerPair.failure(pair.incoming());
        HandoverException old = OwnerPair.failure(pair.outgoing());
        assertThat(fresh.section()).isEqualTo("hello");
        assertThat(old.section()).isEqualTo("hello");
        // Each has heard the other's switch, or the other's refusal.
        assertThat(fresh.kind()).isIn(HandoverError.SWITCH_MISMATCH, HandoverError.REFUSED);
        assertThat(fresh.reason()).containsAnyOf(newOwner, oldOwner);
        assertThat(old.reason()).containsAnyOf(newOwner, oldOwner);
    }

    /** The one predicate, and what it is asked with on either side. */
    @Test
    void theSamePredicateEverywhere() {
        LoopbackPort loop = owner.add(LoopbackPortConfig.named("loop"));
        MemoryPort memory = owner.add(MemoryPortConfig.named("memory"));
        assertThat(TransferSwitch.device(loop)).as("wired to nobody").isTrue();
        wire(loop, false);
        assertThat(TransferSwitch.device(loop)).isFalse();
        assertThat(TransferSwitch.selected(true, true, loop)).isTrue();
        assertThat(TransferSwitch.selected(true, false, loop)).isFalse();
        assertThat(TransferSwitch.selected(false, true, loop)).isFalse();
        assertThat(TransferSwitch.selected(true, true, memory)).as("it has no transfer").isFalse();
    }

    /** Two guests, no back end: nothing to transfer, and no error. */
    @Test
    void withoutABackEndTheSwitchesMeanNothing() {
        VhostUserPort a = owner.add(VhostUserPortConfig.listen("a", TestSockets.path("a")));
        VhostUserPort b = owner.add(VhostUserPortConfig.listen("b", TestSockets.path("b")).withBackendTransfer(false));
        owner.wire(a, b);
        RecordedEdges edges = new RecordedEdges();
        handOver(ON, ON.withFaults(edges));
        handOver(OFF, OFF);
        assertThat(edges.edges).doesNotContain(Edge.INCOMING_PRE_LOAD, Edge.INCOMING_LOAD);
    }
}
