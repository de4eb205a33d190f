package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.UnixSocket;
import dev.baton.handover.BackEndState;
import dev.baton.handover.BackendBlob;
import dev.baton.handover.Edge;
import dev.baton.handover.HandoverError;
import dev.baton.handover.HandoverException;
import dev.baton.handover.NetTap;
import dev.baton.handover.QueuePairBlob;
import dev.baton.tap.TapDevice;
import dev.baton.tap.TapQueueState;
import dev.baton.tap.TapState;
import dev.baton.virtqueue.Features;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a back end gives to the next owner, and what it refuses. */
@Timeout(120)
class BackendTransferTest {
    private static final HandoverOptions OPTIONS = HandoverWorld.OPTIONS;

    private Datapath owner = Datapath.launch(DatapathConfig.defaults());

    @AfterEach
    void close() {
        owner.close();
    }

    private BackendBlob state(String port) throws HandoverException {
        return Outgoing.of(owner, OPTIONS, 1).ports().stream().filter(state -> state.name().equals(port))
            .map(state -> Objects.requireNonNull(((BackEndState) state).state())).findFirst().orElseThrow();
    }

    /** State for each queue pair that there can be, with one descriptor and nothing else; detached ones stay so. */
    @Test
    void allQueuePairsTravelNotOnlyTheActiveOnes() throws Exception {
        try (TestNamespace namespace = TestNamespace.createOrSkip()) {
            TapPort tap = owner.add(TapPortConfig.named("t0").withQueuePairs(4).withNetns(namespace.path()));
            VhostUserPort port = owner.add(VhostUserPortConfig.listen("guest", TestSockets.path("guest"))
                .withQueuePairs(4));
            owner.wire(port, tap);
            try (TestGuest _ = TestGuest.connect(port.socketPath(), 2, TestGuest.FEATURES | Features.MQ)) {
                while (!owner.state(tap).contains("2 of 4 queues attached")) {
                    Thread.onSpinWait();
                }
                TapDevice device = Objects.requireNonNull(tap.deviceIfPresent());
                BackendBlob blob = state("t0");
                assertThat(blob.queuePairs()).hasSize(4).allMatch(pair -> pair.descriptors().size() == 1);
                TapState decoded = NetTap.decode("t0", blob);
                assertThat(decoded.queues()).extracting(TapQueueState::enabled)
                    .containsExactly(true, true, false, false);
                assertThat(decoded.queues()).usingRecursiveComparison().isEqualTo(device.state().queues());
                TapKernelState before = TapKernelState.of(device);
                for (int i = 0; i < 3; i++) {
                    OwnerPair pair = OwnerPair.start(owner, OPTIONS, OPTIONS);
                    owner = pair.incoming().join().datapath();
                    pair.outgoing().join();
                    assertThat(TapKernelState.of(owner, "t0")).isEqualTo(before);
                    assertThat(owner.state(Objects.requireNonNull(owner.port("t0"))))
                        .contains("2 of 4 queues attached");
                }
            }
        }
    }

    /** The new owner's descriptors are duplicates: the same open file, with whatever waits in it. */
    @Test
    void theNewOwnersQueuesAreTheOldOnes() throws Exception {
        try (TestNamespace namespace = TestNamespace.createOrSkip()) {
            TapPort tap = owner.add(TapPortConfig.named("t0").withQueuePairs(2).withNetns(namespace.path()));
            VhostUserPort port = owner.add(VhostUserPortConfig.listen("guest", TestSockets.path("guest")));
            owner.wire(port, tap);
            try (Fd kept = tap.tapQueue(0).fd().duplicate()) {
                OwnerPair pair = OwnerPair.start(owner, OPTIONS, OPTIONS);
                owner = pair.incoming().join().datapath();
                pair.outgoing().join();
                TapPort taken = (TapPort) Objects.requireNonNull(owner.port("t0"));
                assertThat(FileIo.isDuplicate(kept, taken.tapQueue(0).fd())).isTrue();
                assertThat(FileIo.isDuplicate(kept, taken.tapQueue(1).fd())).isFalse();
            }
        }
    }

    @Test
    void whatIsSetUpAlreadyTakesNoState() throws Exception {
        LoopbackPort loop = owner.add(LoopbackPortConfig.named("loop"));
        assertThatThrownBy(() -> loop.transfer().orElseThrow().preLoad()).hasMessage(
            "section back-end loop: the loopback is initialised already and takes no descriptors");
        NullPort sink = owner.add(NullPortConfig.named("sink"));
        assertThatThrownBy(() -> sink.transfer().orElseThrow().preLoad()).hasMessage(
            "section back-end sink: the null port is initialised already and takes no state");
        try (TestNamespace namespace = TestNamespace.createOrSkip()) {
            TapPort tap = owner.add(TapPortConfig.named("t0").withNetns(namespace.path()));
            assertThatThrownBy(() -> tap.transfer().orElseThrow().preLoad()).hasMessage(
                "section back-end t0: TAP is already initialised and cannot receive descriptors");
            assertThat(owner.state(tap)).startsWith("up, 1 of 1 queues attached");
            owner.remove(tap);
        }
    }

    /** Nothing to load means nothing to finish: a postponed back end does not come up by accident. */
    @Test
    void aPostponedBackEndIsNotSetUp() {
        LoopbackPort loop = owner.conductor().call(() -> LoopbackPort.postponed("late", 1, owner.allCounters(),
            owner.baton(), 0));
        TapPort tap = owner.conductor().call(() -> TapPort.postponed("later", 1, "ifname=later0\npersistent=off",
            owner.allCounters(), owner.baton(), 1));
        NullPort sink = owner.conductor().call(() -> NullPort.postponed(NullPortConfig.named("latest"),
            owner.allCounters(), owner.baton(), 2));
        for (BackendPort port : List.of(loop, tap, sink)) {
            assertThat(port.initialised()).isFalse();
            BackendTransfer transfer = port.transfer().orElseThrow();
            assertThatThrownBy(transfer::postLoad).hasMessageEndingWith("nothing was loaded");
            assertThatThrownBy(() -> transfer.save(1)).hasMessageEndingWith("it is not initialised");
            owner.conductor().run(port::close);
        }
    }

    @Test
    void aStateOfAnotherNumberOfQueuePairsIsRefused() throws HandoverException {
        LoopbackPort two = owner.add(LoopbackPortConfig.named("two").withQueuePairs(2));
        LoopbackPort one = owner.conductor().call(() -> LoopbackPort.postponed("one", 1, owner.allCounters(),
            owner.baton(), 7));
        BackendBlob state = two.transfer().orElseThrow().save(1);
        assertThatThrownBy(() -> one.transfer().orElseThrow().load(state))
            .hasMessage("section back-end one: a state of 2 queue pairs for 1");
        List<QueuePairBlob> none = List.of(new QueuePairBlob(new byte[0], List.of()));
        assertThatThrownBy(() -> one.transfer().orElseThrow().load(new BackendBlob(none, new byte[0])))
            .hasMessage("section back-end one: queue pair 0 came with 0 descriptors, not 1");
        owner.conductor().run(one::close);
    }

    /** Nothing is the state of a null port, and nothing else is taken for one. */
    @Test
    void aNullPortTakesNothingAndNothingElse() throws HandoverException {
        NullPort two = owner.add(NullPortConfig.named("two").withQueuePairs(2).withFrameBytes(64));
        BackendBlob nothing = two.transfer().orElseThrow().save(1);
        assertThat(nothing.queuePairs()).hasSize(2).allMatch(pair -> pair.descriptors().isEmpty());
        NullPort next = owner.conductor().call(() -> NullPort.postponed(
            NullPortConfig.parse("next", 2, two.options()), owner.allCounters(), owner.baton(), 7));
        BackendBlob socket = owner.add(LoopbackPortConfig.named("loop").withQueuePairs(2)).transfer().orElseThrow()
            .save(1);
        BackendTransfer transfer = next.transfer().orElseThrow();
        assertThatThrownBy(() -> transfer.load(socket))
            .hasMessage("section back-end next: queue pair 0 came with 1 descriptors, not 0");
        assertThatThrownBy(() -> transfer.load(new BackendBlob(nothing.queuePairs().subList(0, 1), new byte[0])))
            .hasMessage("section back-end next: a state of 1 queue pairs for 2");
        assertThat(next.initialised()).isFalse();
        transfer.preLoad();
        transfer.load(nothing);
        transfer.postLoad();
        assertThat(next.initialised()).isTrue();
        assertThat(next.describe()).isEqualTo("null:next,queues=2,send=64");
        owner.conductor().run(next::close);
    }

    /** The third kind of back end has no transfer: refused by name and reason, before the first word. */
    @Test
    void aBackEndWithoutTransferIsRefusedByName() {
        MemoryPort memory = owner.add(MemoryPortConfig.named("m"));
        assertThat(memory.transfer()).isEmpty();
        Map<String, Long> descriptors = OpenDescriptors.byKind();
        RecordedEdges edges = new RecordedEdges();
        OwnerPair pair = OwnerPair.start(owner, OPTIONS.withFaults(edges), OPTIONS);
        String reason = "a back end of kind memory has no state transfer and cannot change its owner";
        assertThat(OwnerPair.failure(pair.outgoing())).hasMessage("section back-end m: " + reason);
        assertThat(OwnerPair.failure(pair.incoming()))
            .hasMessage("section back-end m: refused by the peer: " + reason);
        assertThat(edges.edges).containsExactly(Edge.OUTGOING_ASKED);
        assertThat(OpenDescriptors.byKind()).isEqualTo(descriptors);
        assertThat(owner.ports()).containsExactly(memory);
    }

    /** Refused at once, by both sides, in words. */
    @ParameterizedTest
    @ValueSource(ints = {UnixSocket.DGRAM, UnixSocket.SEQPACKET})
    void aChannelThatDoesNotDoIsRefusedOnBothSides(int type) {
        Fd[] pair = UnixSocket.pair(type);
        Map<String, Long> descriptors = OpenDescriptors.byKind();
        for (boolean outgoing : new boolean[] {true, false}) {
            assertThatThrownBy(() -> {
                if (outgoing) {
                    owner.handOver(pair[0], OPTIONS);
                } else {
                    Datapath.takeOver(pair[1], OPTIONS);
                }
            }).hasMessage("section channel: it cannot pass descriptors: a handover needs a connected UNIX stream "
                + "socket").extracting(problem -> ((HandoverException) problem).kind())
                .isEqualTo(HandoverError.CANNOT_PASS_DESCRIPTORS);
        }
        Map<String, Long> twoSocketsLess = new TreeMap<>(descriptors);
        twoSocketsLess.computeIfPresent("socket:", (kind, count) -> count == 2 ? null : count - 2);
        assertThat(OpenDescriptors.byKind()).isEqualTo(twoSocketsLess);
    }

    /** The front end's classes name no kind of back end: they could not know one if they wanted to. */
    @ParameterizedTest
    @ValueSource(strings = {"VhostUserPort", "VhostUserDevice", "VhostUserSocket", "VhostUserPortConfig",
        "VirtqueueEnd", "TransferSwitch", "OutgoingHandover", "IncomingHandover"})
    void noKindOfBackEndIsNamedByTheFrontEnd(String name) throws IOException {
        try (InputStream in = Objects.requireNonNull(Datapath.class.getResourceAsStream(name + ".class"))) {
            assertThat(new String(in.readAllBytes(), StandardCharsets.ISO_8859_1)).contains(name)
                .doesNotContain("TapPort", "LoopbackPort", "NullPort",
                    "MemoryPort", "TapDevice", "LoopbackDevice", "NetTap");
        }
    }
}
