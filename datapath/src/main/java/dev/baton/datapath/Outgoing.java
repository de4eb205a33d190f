package dev.baton.datapath;

import dev.baton.ffi.Loan;
import dev.baton.handover.BackEndState;
import dev.baton.handover.BackendBlob;
import dev.baton.handover.DatapathState;
import dev.baton.handover.Description;
import dev.baton.handover.DescriptionWriter;
import dev.baton.handover.HandoverChannel;
import dev.baton.handover.HandoverError;
import dev.baton.handover.HandoverException;
import dev.baton.handover.PortState;
import dev.baton.handover.WireState;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A datapath put into the records of a handover: taken on the conductor's thread, where nothing of it can change
 * meanwhile, and sent by whoever talks to the next owner.
 *
 * @param changes    {@link Topology#changes} when it was taken
 * @param datapath   the datapath itself
 * @param ports      its ports, in the order they were added
 * @param wires      its wires
 */
record Outgoing(long changes, DatapathState datapath, List<PortState> ports, List<WireState> wires) {
    /**
     * Describes a datapath; every descriptor in it stays the datapath's.
     *
     * @throws HandoverException when one of its ports cannot change its owner, with its name and the reason
     */
    static Outgoing of(Datapath datapath, HandoverOptions options, int schemaVersion) throws HandoverException {
        try (Lent lent = lend(datapath, options, schemaVersion)) {
            return lent.description;
        }
    }

    /**
     * Describes a datapath and sends that. What is described may go while it is sent, for this takes as long as the
     * peer likes: a descriptor that its owner closes meanwhile stays open until it was sent, so that its number is not
     * that of another file by then. The description is an old one then, and another follows it.
     */
    static Outgoing send(Datapath datapath, HandoverOptions options, HandoverChannel channel, long generation)
        throws HandoverException {
        try (Lent lent = lend(datapath, options, channel.schemaVersion())) {
            lent.description.send(channel, generation);
            return lent.description;
        }
    }

    /** A description, and the loan of its descriptors, which begins while nothing can change. */
    record Lent(Outgoing description, Loan loan) implements AutoCloseable {
        @Override
        public void close() {
            loan.close();
        }
    }

    /** A description that is sent later, off the conductor's thread too; its descriptors stay open until then. */
    static Lent lend(Datapath datapath, HandoverOptions options, int schemaVersion) throws HandoverException {
        Object result = datapath.conductor().call(() -> {
            try {
                Outgoing description = describe(datapath, options, schemaVersion);
                return new Lent(description,
                    Loan.of(Description.descriptors(description.datapath, description.ports)));
            } catch (HandoverException e) {
                return e;
            }
        });
        if (result instanceof HandoverException refusal) {
            throw refusal;
        }
        return (Lent) result;
    }

    private static Outgoing describe(Datapath datapath, HandoverOptions options, int schemaVersion)
        throws HandoverException {
        List<PortState> ports = new ArrayList<>();
        for (Port port : datapath.topology().ports()) {
            ports.add(switch (port) {
                case VhostUserPort frontEnd -> {
                    // Or its memory could not be mapped by the next owner, and nothing would be handed over.
                    frontEnd.checkMemory();
                    yield frontEnd.save();
                }
                case BackendPort backEnd -> save(backEnd, options, schemaVersion);
                case MemoryPort memory -> throw noTransfer(memory);
            });
        }
        List<WireState> wires = datapath.topology().wirings().stream().map(wiring -> new WireState(
            wiring.wire().a().name(), wiring.wire().b().name(), wiring.save(datapath.agents()))).toList();
        DatapathConfig config = datapath.config();
        DatapathState state = new DatapathState(options.version(), (int) ProcessHandle.current().pid(),
            PidNamespace.own(), config.cpus(), config.idleMode() == IdleMode.BUSY, options.backendTransfer(),
            datapath.baton().fd(), datapath.countersFd(), options.attachments());
        return new Outgoing(datapath.topology().changes(), state, ports, wires);
    }

    private static BackEndState save(BackendPort port, HandoverOptions options, int schemaVersion)
        throws HandoverException {
        boolean device = TransferSwitch.device(port);
        BackendBlob state = null;
        if (TransferSwitch.selected(options.backendTransfer(), device, port)) {
            Optional<BackendTransfer> transfer = port.transfer();
            state = transfer.orElseThrow(() -> noTransfer(port)).save(schemaVersion);
        }
        return new BackEndState(port.name(), port.queuePairs(), device, port.kind(), port.options(), port.firstSlot(),
            state);
    }

    private static <P extends Port & NetBackend> HandoverException noTransfer(P port) {
        return new HandoverException("back-end " + port.name(), HandoverError.CANNOT_HAND_OVER,
            "a back end of kind " + port.kind() + " has no state transfer and cannot change its owner");
    }

    /** Refuses, before anything is said or stopped, what cannot change its owner. */
    static void check(Datapath datapath) throws HandoverException {
        for (Port port : datapath.ports()) {
            if (port instanceof MemoryPort memory) {
                throw noTransfer(memory);
            }
        }
    }

    void send(HandoverChannel channel, long generation) throws HandoverException {
        DescriptionWriter.write(channel, datapath, ports, wires, generation);
    }
}
