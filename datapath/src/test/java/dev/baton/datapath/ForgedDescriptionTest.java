package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.Fd;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.MemFd;
import dev.baton.ffi.RawMemory;
import dev.baton.ffi.UnixSocket;
import dev.baton.handover.BackEndState;
import dev.baton.handover.BackendBlob;
import dev.baton.handover.DatapathState;
import dev.baton.handover.Description;
import dev.baton.handover.DescriptionReader;
import dev.baton.handover.DescriptionWriter;
import dev.baton.handover.FrontEndState;
import dev.baton.handover.HandoverChannel;
import dev.baton.handover.HandoverError;
import dev.baton.handover.HandoverException;
import dev.baton.handover.Hello;
import dev.baton.handover.LaneState;
import dev.baton.handover.NetTap;
import dev.baton.handover.PortState;
import dev.baton.handover.WireState;
import dev.baton.tap.TapQueueState;
import dev.baton.tap.TapState;
import dev.baton.vhostuser.ProtocolException;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.UnaryOperator;
import org.agrona.concurrent.status.CountersReader;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A description that is well formed and not true: refused by name, with nothing left, and the owner goes on. */
@Timeout(120)
class ForgedDescriptionTest {
    private static final long TIMEOUT_MS = 20_000;

    private HandoverWorld world;
    private Map<String, Long> descriptors;
    private TapKernelState kernel;

    @BeforeEach
    void open() throws ProtocolException {
        world = new HandoverWorld();
        world.handOver(HandoverWorld.OPTIONS, HandoverWorld.OPTIONS);
        descriptors = OpenDescriptors.byKind();
        kernel = world.tap();
    }

    @AfterEach
    void ownerGoesOn() {
        if (world != null) {
            try (HandoverWorld open = world) {
                assertThat(OpenDescriptors.byKind()).isEqualTo(descriptors);
                assertThat(open.tap()).isEqualTo(kernel);
                open.awaitProgress();
                open.handOver(HandoverWorld.OPTIONS, HandoverWorld.OPTIONS);
                open.finish();
            }
        }
    }

    /** The owner's description as a new owner receives it, built after somebody has changed it. */
    private HandoverException refusal(UnaryOperator<PortState> port, UnaryOperator<WireState> wire)
        throws HandoverException {
        try (Description received = forged(port, wire)) {
            return refusal(received);
        }
    }

    private static HandoverException refusal(Description received) {
        return Assertions.catchThrowableOfType(HandoverException.class,
            () -> Incoming.build(received, HandoverWorld.OPTIONS, false).abandon());
    }

    private Description forged(UnaryOperator<PortState> port, UnaryOperator<WireState> wire) throws HandoverException {
        return forged(datapath -> datapath, port, wire);
    }

    private Description forged(UnaryOperator<DatapathState> datapath, UnaryOperator<PortState> port,
                               UnaryOperator<WireState> wire) throws HandoverException {
        Outgoing real = Outgoing.of(world.owner(), HandoverWorld.OPTIONS, 1);
        Outgoing forged = new Outgoing(0, datapath.apply(real.datapath()), real.ports().stream().map(port).toList(),
            real.wires().stream().map(wire).toList());
        Fd[] pair = UnixSocket.pair(UnixSocket.STREAM);
        Hello hello = HandoverWorld.OPTIONS.hello(Hello.Purpose.TAKEOVER);
        try (HandoverChannel to = HandoverChannel.over(pair[0]); HandoverChannel from = HandoverChannel.over(pair[1])) {
            CompletableFuture<Void> sent = CompletableFuture.runAsync(() -> {
                try {
                    hello.exchange(to, TIMEOUT_MS);
                    DescriptionWriter.write(to, forged.datapath(), forged.ports(), forged.wires(), 1);
                } catch (HandoverException e) {
                    throw new CompletionException(e);
                }
            }, task -> Thread.ofPlatform().daemon().start(task));
            hello.exchange(from, TIMEOUT_MS);
            Description received = DescriptionReader.read(from, TIMEOUT_MS);
            sent.join();
            return received;
        }
    }

    private void refuses(HandoverError kind, String sentence, UnaryOperator<PortState> port) throws HandoverException {
        assertThat(refusal(port, wire -> wire)).hasMessageStartingWith("section " + sentence)
            .extracting(HandoverException::kind).isEqualTo(kind);
    }

    private static PortState withTap(PortState port, UnaryOperator<TapState> forge) {
        if (port instanceof BackEndState tap && tap.kind().equals(TapPort.KIND)) {
            try {
                TapState state = NetTap.decode(tap.name(), Objects.requireNonNull(tap.state()));
                return withState(tap, NetTap.encode(forge.apply(state), 1));
            } catch (HandoverException e) {
                throw new IllegalStateException(e);
            }
        }
        return port;
    }

    private static BackEndState withState(BackEndState port, BackendBlob state) {
        return new BackEndState(port.name(), port.queuePairs(), port.backendTransfer(), port.kind(), port.options(),
            port.firstStagingSlot(), state);
    }

    private static TapState queues(TapState state, UnaryOperator<TapQueueState> forge) {
        return new TapState(state.queues().stream().map(forge).toList(), state.probedOffloads(), state.offloads());
    }

    /** The TAP cannot be set up from what came. */
    @Test
    void aTapThatIsNotAsItsStateSays() throws HandoverException {
        refuses(HandoverError.DESCRIPTOR_KIND, "back-end t0: TAP", port -> withTap(port, state -> queues(state,
            queue -> new TapQueueState(queue.fd(), queue.usingVnetHdr(), queue.hasUfo(), queue.hasUso(),
                queue.hasTunnel(), !queue.enabled(), queue.hostVnetHdrLen()))));
        refuses(HandoverError.DESCRIPTOR_KIND, "back-end t0: TAP", port -> withTap(port, state -> queues(state,
            queue -> new TapQueueState(queue.fd(), queue.usingVnetHdr(), queue.hasUfo(), queue.hasUso(),
                queue.hasTunnel(), queue.enabled(), 10))));
    }

    /** The guest has acked what this back end does not take: its features are computed anew, after the load. */
    @Test
    void aBackEndThatOffersLessThanTheGuestAcked() throws HandoverException {
        refuses(HandoverError.MALFORMED, "front-end c: ", port -> withTap(port, state -> new TapState(
            queues(state, queue -> new TapQueueState(queue.fd(), queue.usingVnetHdr(), false, false, false,
                queue.enabled(), queue.hostVnetHdrLen())).queues(), 0, 0)));
    }

    /** A standby has nobody to leave the front-end to: it goes on without that one, and with the others. */
    @Test
    void aStandbyTakesTheOthers() throws HandoverException {
        Description received = forged(port -> withTap(port, state -> new TapState(
            queues(state, queue -> new TapQueueState(queue.fd(), queue.usingVnetHdr(), false, false, false,
                queue.enabled(), queue.hostVnetHdrLen())).queues(), 0, 0)), wire -> wire);
        Datapath standby = Incoming.build(received, HandoverWorld.OPTIONS, true);
        assertThat(standby.ports().stream().filter(VhostUserPort.class::isInstance).filter(port ->
            standby.state(port).startsWith("waiting")).map(Port::name)).containsExactly("c");
        standby.abandon();
        received.close();
    }

    @Test
    void aStateThatDoesNotFitTheSwitches() throws HandoverException {
        refuses(HandoverError.SWITCH_MISMATCH,
            "back-end t0: its state did not come, but backend-transfer is on and the device's switch is on here",
            port -> port instanceof BackEndState tap && tap.kind().equals(TapPort.KIND)
                ? new BackEndState(tap.name(), tap.queuePairs(), true, tap.kind(), tap.options(),
                    tap.firstStagingSlot(), null) : port);
        refuses(HandoverError.SWITCH_MISMATCH,
            "back-end t0: its state came, but backend-transfer is on and the device's switch is off here",
            port -> port instanceof FrontEndState front && front.name().equals("c")
                ? new FrontEndState(front.name(), front.queuePairs(), false, front.socketPath(), front.listens(),
                    front.offloads(), front.memoryLimitBytes(), front.coalescing(), front.firstQueueRecord(),
                    front.listener(),                    front.connection(), front.session())
                : port);
    }

    @Test
    void aKindOfBackEndThatNobodyKnows() throws HandoverException {
        refuses(HandoverError.MALFORMED, "back-end loop: there is no back end of kind \"mirror\" here",
            port -> port instanceof BackEndState back && back.kind().equals(LoopbackPort.KIND)
                ? new BackEndState(back.name(), back.queuePairs(), true, "mirror", back.options(),
                    back.firstStagingSlot(), back.state()) : port);
    }

    /** The loopback as a null port, with options that none has, and with the descriptor of a loopback. */
    @Test
    void aNullPortThatCannotBe() throws HandoverException {
        refuses(HandoverError.MALFORMED, "back-end loop: options of a null port: \"send=x\"",
            port -> asNull(port, "send=x"));
        refuses(HandoverError.MALFORMED, "back-end loop: port loop: frames of 7 bytes, not 60 to 9014",
            port -> asNull(port, "send=7"));
        refuses(HandoverError.DESCRIPTOR_COUNT, "back-end loop: queue pair 0 came with 1 descriptors, not 0",
            port -> asNull(port, "send=64"));
    }

    private static PortState asNull(PortState port, String options) {
        return port instanceof BackEndState back && back.kind().equals(LoopbackPort.KIND)
            ? new BackEndState(back.name(), back.queuePairs(), true, NullPort.KIND, options, back.firstStagingSlot(),
                back.state()) : port;
    }

    /** Memory that is none, that somebody could cut, and that says more of itself than is true. */
    @Test
    void countersThatAreNone() throws HandoverException {
        for (int flags : new int[] {0, MemFd.MFD_ALLOW_SEALING}) {
            try (Fd empty = MemFd.create("baton-test", 4096, flags)) {
                if (flags != 0) {
                    MemFd.seal(empty, MemFd.F_SEAL_SHRINK);
                }
                assertThat(refusal(empty)).hasMessage(
                    "section datapath: its counters: this memory holds no counters of a Baton datapath");
            }
        }
        try (Fd nothing = MemFd.create("baton-test", 0)) {
            assertThat(refusal(nothing)).hasMessageStartingWith("section datapath: its counters: mmap(0 bytes)");
        }
        try (Counters real = new Counters("baton-test", null); Mapping mapping = Mapping.shared(real.fd(), 0, 8192)) {
            real.allocate(List.of("one", "two"));
            // The length of the first label, see Agrona's CountersReader.
            RawMemory.putInt(mapping.address() + 4096 + CountersReader.LABEL_OFFSET, Integer.MAX_VALUE);
            assertThat(refusal(real.fd())).hasMessage(
                "section datapath: its counters: counter 0 has a label of 2147483647 bytes");
        }
    }

    /** Whose death nobody here could see, and whose process ID is another process's. */
    @Test
    void anOwnerOfAnotherPidNamespace() throws HandoverException {
        try (Description received = forged(real -> new DatapathState(real.version(), real.pid(),
            real.pidNamespace() + 1, real.cpus(), real.busy(), real.backendTransfer(), real.baton(), real.counters(),
            real.attachments()), port -> port, wire -> wire)) {
            assertThat(received.datapath().pidNamespace()).isGreaterThan(1);
            assertThat(refusal(received)).hasMessage("section datapath: its owner lives in another PID namespace, "
                + "and neither could tell here whether the other has ended");
        }
    }

    private HandoverException refusal(Fd counters) throws HandoverException {
        try (Description received = forged(real -> new DatapathState(real.version(), real.pid(),
            real.pidNamespace(), real.cpus(), real.busy(), real.backendTransfer(), real.baton(), counters,
            real.attachments()), port -> port, wire -> wire)) {
            return refusal(received);
        }
    }

    /** Records that do not exist, or that two ports would share. */
    @Test
    void recordsOfTheBatonThatCannotBe() throws HandoverException {
        for (int first : new int[] {0, 4096, Integer.MAX_VALUE - 1}) {
            refuses(HandoverError.MALFORMED, "front-end ", port -> port instanceof FrontEndState front
                ? new FrontEndState(front.name(), front.queuePairs(), front.backendTransfer(), front.socketPath(),
                    front.listens(), front.offloads(), front.memoryLimitBytes(), front.coalescing(), first,
                    front.listener(),                    front.connection(), front.session())
                : port);
            refuses(HandoverError.MALFORMED, "back-end ", port -> port instanceof BackEndState back
                ? new BackEndState(back.name(), back.queuePairs(), back.backendTransfer(), back.kind(),
                    back.options(), first, back.state()) : port);
        }
        HandoverException lanes = refusal(port -> port, wire -> new WireState(wire.a(), wire.b(),
            wire.lanes().stream().map(lane -> new LaneState(lane.agent(), lane.laneRecord() + 100_000)).toList()));
        assertThat(lanes).hasMessageStartingWith("section wires: ");
    }

    @Test
    void optionsThatNoTapHas() throws HandoverException {
        refuses(HandoverError.MALFORMED, "back-end t0: options of a TAP port",
            port -> port instanceof BackEndState tap && tap.kind().equals(TapPort.KIND)
                ? new BackEndState(tap.name(), tap.queuePairs(), true, tap.kind(), "mtu", tap.firstStagingSlot(),
                    tap.state()) : port);
    }

    @Test
    void theUnforgedOneIsBuiltAndChangesNothing() throws HandoverException {
        assertThat(refusal(port -> port, wire -> wire)).isNull();
    }
}
