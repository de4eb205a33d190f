package dev.baton.datapath;

import dev.baton.ffi.Fd;
import dev.baton.ffi.SyscallException;
import dev.baton.handover.BackEndState;
import dev.baton.handover.BackendBlob;
import dev.baton.handover.DatapathState;
import dev.baton.handover.Description;
import dev.baton.handover.Edge;
import dev.baton.handover.FrontEndState;
import dev.baton.handover.HandoverError;
import dev.baton.handover.HandoverException;
import dev.baton.handover.HandoverFaults;
import dev.baton.handover.PortState;
import dev.baton.handover.Section;
import dev.baton.handover.WireState;
import dev.baton.vhostuser.ProtocolException;
import dev.baton.vhostuser.SessionState;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A datapath built from a description next to the owner that still runs it. Everything in the description is untrusted;
 * nothing that both owners see is changed.
 *
 * <p>The phases are those of the series that this descends from. Back ends are created postponed. <i>pre-incoming</i>:
 * those whose state does not come set themselves up. <i>pre-load</i>, <i>load</i>, <i>post-load</i>: those whose state
 * comes take it. Then the front ends: their features are computed anew, from back ends that are there by now, and what
 * the guest has acked must still be offered.
 */
final class Incoming {
    private final Description description;
    private final HandoverOptions options;
    private final HandoverFaults faults;
    private final boolean alone;
    private final Datapath datapath;
    private final Map<String, Port> ports = new LinkedHashMap<>();
    private final Map<BackendPort, BackEndState> backEnds = new LinkedHashMap<>();
    private final Map<VhostUserPort, FrontEndState> frontEnds = new LinkedHashMap<>();

    private Incoming(Description description, HandoverOptions options, boolean alone, Datapath datapath) {
        this.alone = alone;
        this.description = description;
        this.options = options;
        this.faults = options.faults();
        this.datapath = datapath;
    }

    /**
     * Builds the datapath; its agents run and own nothing yet.
     *
     * @param description its descriptors are the datapath's from now on; when this throws they are closed
     * @param alone       nobody goes on with a front-end that cannot be taken up: its connection ends with the owner's,
     *     and the others are taken up all the same. Without, the whole is refused, and the owner goes on with all of
     *     them.
     */
    static Datapath build(Description description, HandoverOptions options, boolean alone) throws HandoverException {
        Datapath launched = null;
        try {
            PidNamespace.check(description.datapath().pidNamespace());
            launched = launch(description.datapath());
            Incoming incoming = new Incoming(description, options, alone, launched);
            incoming.onConductor();
            // Read when the lanes are claimed; the descriptor stays open until then.
            return launched;
        } catch (HandoverException | RuntimeException e) {
            if (launched != null) {
                launched.abandon();
            }
            description.close();
            throw e instanceof HandoverException refusal ? refusal
                : new HandoverException(Section.DATAPATH.label(), HandoverError.CANNOT_HAND_OVER,
                    String.valueOf(e.getMessage()), e);
        }
    }

    private static Datapath launch(DatapathState state) throws HandoverException {
        FormerCounters former = null;
        try {
            former = FormerCounters.open(state.counters());
            Baton baton = Baton.adopt(state.baton());
            return Datapath.launchIncoming(new DatapathConfig("baton", state.cpus(),
                state.busy() ? IdleMode.BUSY : IdleMode.ADAPTIVE), baton, former);
        } catch (DatapathException | SyscallException e) {
            if (former != null) {
                former.close();
            }
            throw failed(Section.DATAPATH.label(), e);
        }
    }

    private void onConductor() throws HandoverException {
        HandoverException failure = datapath.conductor().call(() -> {
            try {
                restore();
                return new Outcome(null);
            } catch (HandoverException e) {
                return new Outcome(e);
            }
        }).failure();
        if (failure != null) {
            throw failure;
        }
    }

    private record Outcome(@Nullable HandoverException failure) {
    }

    private void restore() throws HandoverException {
        for (PortState state : description.ports()) {
            create(state);
        }
        for (WireState wire : description.wires()) {
            wire(wire);
        }
        preIncoming();
        load();
        for (Map.Entry<VhostUserPort, FrontEndState> frontEnd : frontEnds.entrySet()) {
            restoreConnection(frontEnd.getKey(), frontEnd.getValue());
        }
        faults.at(Edge.INCOMING_BUILD);
        for (WireState wire : description.wires()) {
            makeLanes(wire);
        }
    }

    private void create(PortState state) throws HandoverException {
        try {
            Port port = switch (state) {
                case FrontEndState frontEnd -> {
                    VhostUserPort created = new VhostUserPort(frontEnd, datapath.allCounters(), datapath.baton(),
                        datapath.conductor());
                    frontEnds.put(created, frontEnd);
                    yield created;
                }
                case BackEndState backEnd -> {
                    BackendPort created = postponed(backEnd);
                    if (alone) {
                        created.letOwnerGoOn();
                    }
                    backEnds.put(created, backEnd);
                    yield created;
                }
            };
            ports.put(port.name(), port);
            datapath.topology().ports().add(port);
        } catch (DatapathException | IllegalArgumentException e) {
            throw failed(label(state), e);
        }
    }

    private BackendPort postponed(BackEndState state) {
        return switch (state.kind()) {
            case TapPort.KIND -> TapPort.postponed(state.name(), state.queuePairs(), state.options(),
                datapath.allCounters(), datapath.baton(), state.firstStagingSlot());
            case LoopbackPort.KIND -> LoopbackPort.postponed(state.name(), state.queuePairs(), datapath.allCounters(),
                datapath.baton(), state.firstStagingSlot());
            case NullPort.KIND -> NullPort.postponed(NullPortConfig.parse(state.name(), state.queuePairs(),
                state.options()), datapath.allCounters(), datapath.baton(), state.firstStagingSlot());
            default -> throw new DatapathException("there is no back end of kind \"" + state.kind() + "\" here");
        };
    }

    private Port named(String name) {
        return Objects.requireNonNull(ports.get(name), "a wire of a port that a description does not have");
    }

    private void wire(WireState wire) {
        Port a = named(wire.a());
        Port b = named(wire.b());
        a.rewired(b);
        b.rewired(a);
    }

    private void preIncoming() throws HandoverException {
        faults.at(Edge.INCOMING_PRE_INCOMING);
        for (Map.Entry<BackendPort, BackEndState> entry : backEnds.entrySet()) {
            BackendPort port = entry.getKey();
            BackEndState state = entry.getValue();
            boolean device = TransferSwitch.device(port);
            boolean selected = TransferSwitch.selected(options.backendTransfer(), device, port);
            if (state.backendTransfer() != device || selected != (state.state() != null)) {
                throw new HandoverException(label(state), HandoverError.SWITCH_MISMATCH, "its state "
                    + (state.state() == null ? "did not come" : "came") + ", but backend-transfer is "
                    + (options.backendTransfer() ? "on" : "off") + " and the device's switch is "
                    + (device ? "on" : "off") + " here");
            }
            if (!selected) {
                try {
                    port.initialise();
                } catch (DatapathException e) {
                    throw new HandoverException(label(state), HandoverError.MALFORMED, "it has to be opened anew: "
                        + e.getMessage() + "; with backend-transfer on at both owners and at the front-end its state"
                        + " would come instead", e);
                }
            }
        }
    }

    private void load() throws HandoverException {
        List<BackendTransfer> loaded = new ArrayList<>();
        for (Map.Entry<BackendPort, BackEndState> entry : backEnds.entrySet()) {
            BackendBlob state = entry.getValue().state();
            if (state != null) {
                BackendTransfer transfer = entry.getKey().transfer().orElseThrow();
                faults.at(Edge.INCOMING_PRE_LOAD);
                transfer.preLoad();
                faults.at(Edge.INCOMING_LOAD);
                transfer.load(state);
                loaded.add(transfer);
            }
        }
        faults.at(Edge.INCOMING_POST_LOAD);
        for (BackendTransfer transfer : loaded) {
            transfer.postLoad();
        }
    }

    private void restoreConnection(VhostUserPort port, FrontEndState state) throws HandoverException {
        Fd connection = state.connection();
        SessionState session = state.session();
        if (connection == null || session == null) {
            return;
        }
        faults.at(Edge.INCOMING_MAP);
        try {
            port.restoreConnection(connection, session);
        } catch (ProtocolException e) {
            // Who spoils its memory would be cut off by the owner as well: it shall not keep others from a new one.
            if (!alone && !e.kind().memorySpoilt()) {
                throw failed(label(state), e);
            }
            port.forsake(e);
        } catch (RuntimeException e) {
            throw failed(label(state), e);
        }
    }

    private void makeLanes(WireState state) throws HandoverException {
        try {
            Wire wire = new Wire(named(state.a()), named(state.b()));
            datapath.topology().wirings().add(Wiring.restore(wire, datapath.baton(), datapath.agents(), state.lanes()));
        } catch (DatapathException | IndexOutOfBoundsException e) {
            throw failed(Section.WIRES.label(), e);
        }
    }

    private static String label(PortState state) {
        return (state instanceof FrontEndState ? Section.FRONT_END : Section.BACK_END).label() + " " + state.name();
    }

    private static HandoverException failed(String section, Exception cause) {
        return new HandoverException(section, HandoverError.MALFORMED, String.valueOf(cause.getMessage()), cause);
    }
}
