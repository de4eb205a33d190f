package dev.baton.datapath;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The ports of a datapath, the wires between them, and how often they have changed. Conductor's thread only.
 *
 * <p>While it is frozen, nothing changes that a description of the datapath tells: front-ends are not heard, and what
 * would change something is refused, or put off if it cannot be refused. Frames go on.
 */
final class Topology {
    private final Baton baton;
    private final List<DatapathAgent> agents;
    private final List<Port> ports = new ArrayList<>();
    private final List<Wiring> wirings = new ArrayList<>();
    private final Standbys standbys;
    private final List<Runnable> putOff = new ArrayList<>();
    private long changes;
    private boolean frozen;

    Topology(Baton baton, List<DatapathAgent> agents, Standbys standbys) {
        this.baton = baton;
        this.agents = agents;
        this.standbys = standbys;
    }

    /** In the order they were added; an incoming datapath adds its own here. */
    List<Port> ports() {
        return ports;
    }

    /** In the order they were made; an incoming datapath adds its own here. */
    List<Wiring> wirings() {
        return wirings;
    }

    @Nullable Port find(String name) {
        return ports.stream().filter(port -> port.name().equals(name)).findFirst().orElse(null);
    }

    <P extends Port> P add(String name, Supplier<P> creation) {
        change();
        if (find(name) != null) {
            throw new DatapathException("there is a port " + name + " already");
        }
        P port = creation.get();
        ports.add(port);
        return port;
    }

    Wire wire(Port a, Port b) {
        change();
        Wire wire = new Wire(a, b);
        refuseUnlessFree(a);
        refuseUnlessFree(b);
        wirings.add(Wiring.create(wire, baton, agents));
        a.wired(b);
        b.wired(a);
        return wire;
    }

    private void refuseUnlessFree(Port port) {
        refuseStranger(port);
        Wiring wiring = wiringOf(port);
        if (wiring != null) {
            throw new DatapathException("port " + port.name() + " is wired already: " + wiring.wire());
        }
    }

    private void refuseStranger(Port port) {
        if (!ports.contains(port)) {
            throw new DatapathException("port " + port.name() + " does not belong to this datapath");
        }
    }

    private @Nullable Wiring wiringOf(Port port) {
        return wirings.stream().filter(wiring -> wiring.wire().joins(port)).findFirst().orElse(null);
    }

    Blackout move(Port port, int pair, int agent) {
        change();
        if (agent < 0 || agent >= agents.size()) {
            throw new DatapathException("there is no agent " + agent + ", they are 0 to " + (agents.size() - 1));
        }
        if (pair < 0 || pair >= port.queuePairs()) {
            throw new DatapathException("port " + port.name() + " has no queue pair " + pair + ", they are 0 to "
                + (port.queuePairs() - 1));
        }
        Wiring wiring = wiringOf(port);
        if (wiring == null) {
            throw new DatapathException("port " + port.name() + " is not wired");
        }
        return wiring.move(wiring.laneOf(pair), agents.get(agent));
    }

    void unwire(Wire wire) {
        change();
        undo(wirings.stream().filter(candidate -> candidate.wire().equals(wire)).findFirst()
            .orElseThrow(() -> new DatapathException("there is no wire " + wire)));
    }

    private void undo(Wiring wiring) {
        wiring.wire().a().wired(null);
        wiring.wire().b().wired(null);
        wiring.undo();
        wirings.remove(wiring);
    }

    void remove(Port port) {
        change();
        refuseStranger(port);
        removeNow(port);
    }

    private void removeNow(Port port) {
        Wiring wiring = wiringOf(port);
        if (wiring != null) {
            undo(wiring);
        }
        ports.remove(port);
        port.close();
        if (port instanceof VhostUserPort vhostUser) {
            // Or the number of changes would go back, to one that standbys may have been told of.
            changes += vhostUser.changes();
        }
    }

    /**
     * Closes every port. No frame moves any more when the first one goes: what the others' guests have sent would be
     * dropped for a peer that is down, and can wait for the next back end instead.
     */
    void close() {
        agents.forEach(agent -> agent.execute(agent::dropLanes));
        List.copyOf(ports).forEach(this::removeNow);
    }

    /** Closes this process's descriptors and mappings and nothing else: another owner has the datapath. */
    void abandon() {
        agents.forEach(agent -> agent.execute(agent::dropLanes));
        wirings.forEach(Wiring::release);
        ports.forEach(Port::abandon);
    }

    /** A handover has failed: whoever claims a lane for the sake of it claims in vain; others are told anew. */
    void disownClaimants() {
        changes++;
        for (Wiring wiring : wirings) {
            for (Lane lane : wiring.lanes()) {
                try {
                    wiring.owner(lane).execute(lane::disownClaimants);
                } catch (DatapathException e) {
                    // An agent that is stuck does it when it goes on, before anything that it is told later.
                    System.getLogger(Topology.class.getPackageName()).log(System.Logger.Level.WARNING,
                        "after a handover that failed: " + e.getMessage());
                }
            }
        }
    }

    // ---- changes

    private void change() {
        if (frozen) {
            throw new DatapathException("a handover is under way: try again after it");
        }
        changes++;
    }

    /** Moves whenever a description of this datapath became out of date. */
    long changes() {
        long all = changes;
        for (Port port : ports) {
            if (port instanceof VhostUserPort vhostUser) {
                all += vhostUser.changes();
            }
        }
        return all;
    }

    /** Nothing that a description tells changes from now on. */
    void freeze() {
        if (frozen) {
            throw new DatapathException("another handover is under way");
        }
        frozen = true;
        for (Port port : ports) {
            if (port instanceof VhostUserPort vhostUser) {
                vhostUser.freeze();
            }
        }
    }

    /** After the owner's death: back ends are made what their front-ends make of them. */
    void refreshBackEnds() {
        for (Port port : ports) {
            if (port instanceof BackendPort backEnd && backEnd.initialised()) {
                backEnd.refresh();
            }
        }
        for (Port port : ports) {
            if (port instanceof VhostUserPort vhostUser) {
                vhostUser.tellPeer();
            }
        }
    }

    /** Ends the connections of a dead owner's of which it is not known how they stand; {@link #serve} follows. */
    void forsakeUnsettled() {
        for (Port port : ports) {
            if (port instanceof VhostUserPort vhostUser) {
                vhostUser.forsakeUnsettled();
            }
        }
    }

    /** Goes on after {@link #freeze}, or begins to serve front-ends after a handover. */
    void serve() {
        frozen = false;
        for (Port port : ports) {
            if (port instanceof VhostUserPort vhostUser) {
                vhostUser.serve();
            }
        }
        putOff.forEach(Runnable::run);
        putOff.clear();
    }

    /** Memory below a transfer is gone: whoever did it is disconnected, and the transfer goes on. */
    void memoryFaulted(Lane lane, Transfer transfer) {
        if (frozen) {
            putOff.add(() -> memoryFaulted(lane, transfer));
            return;
        }
        for (Port port : List.copyOf(ports)) {
            if (port instanceof VhostUserPort vhostUser) {
                vhostUser.checkMemory();
            }
        }
        for (Wiring wiring : wirings) {
            if (wiring.lanes().contains(lane)) {
                DatapathAgent owner = wiring.owner(lane);
                owner.execute(() -> owner.unsuspend(lane, transfer));
            }
        }
    }

    /** About ten times a second, and after everything that the conductor did. */
    void tick() {
        for (Port port : ports) {
            if (port instanceof VhostUserPort vhostUser) {
                vhostUser.tick();
            }
        }
        if (standbys.tell()) {
            for (Port port : ports) {
                if (port instanceof VhostUserPort vhostUser) {
                    vhostUser.settle();
                }
            }
        }
    }
}
