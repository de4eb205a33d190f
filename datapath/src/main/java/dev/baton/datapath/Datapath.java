package dev.baton.datapath;

import dev.baton.ffi.Fd;
import dev.baton.tap.TapDevice;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.agrona.CloseHelper;
import org.agrona.concurrent.AgentRunner;
import org.agrona.concurrent.IdleStrategy;
import org.agrona.concurrent.NoOpIdleStrategy;
import org.jspecify.annotations.Nullable;

/**
 * A running datapath: ports, wires between them, and the agents that move frames. Safe for use by several threads; a
 * port or a wire can be added and removed while others carry traffic.
 *
 * <p>Threads: one per agent (see {@link DatapathConfig#cpus()}), and the conductor, which owns ports, wires and the
 * vhost-user connections. Every method here is carried out by the conductor and returns when it is done.
 */
public final class Datapath implements AutoCloseable {
    private final Counters counters;
    private final Baton baton;
    private final List<DatapathAgent> agents = new ArrayList<>();
    private final List<AgentRunner> runners = new ArrayList<>();
    private final Conductor conductor;
    private final AgentRunner conductorRunner;
    private final List<Port> ports = new ArrayList<>();
    private final List<Wiring> wirings = new ArrayList<>();
    private boolean closed;

    private Datapath(DatapathConfig config) {
        counters = new Counters(config.name());
        baton = Baton.create(config.name());
        for (int i = 0; i < config.agentCount(); i++) {
            int cpu = config.cpus().isEmpty() ? -1 : config.cpus().get(i);
            AgentCounters agentCounters = new AgentCounters(counters, i, cpu);
            agents.add(new DatapathAgent("baton-agent-" + i, cpu, agentCounters, this::memoryFaulted));
        }
        conductor = new Conductor(this::tick);
        conductorRunner = new AgentRunner(NoOpIdleStrategy.INSTANCE, Datapath::report, null, conductor);
        for (DatapathAgent agent : agents) {
            IdleStrategy idle =
                config.idleMode() == IdleMode.BUSY ? new BusyIdle(agent) : new AdaptiveIdle(agent);
            runners.add(new AgentRunner(idle, Datapath::report, null, agent));
        }
    }

    private static void report(Throwable problem) {
        System.getLogger(Datapath.class.getPackageName())
            .log(System.Logger.Level.ERROR, "an agent failed in a duty cycle and goes on: " + problem, problem);
    }

    /**
     * Starts a datapath without ports.
     *
     * @throws DatapathException when memory, descriptors or a CPU of the configuration cannot be had
     */
    public static Datapath launch(DatapathConfig config) {
        Datapath datapath = new Datapath(config);
        AgentRunner.startOnThread(datapath.conductorRunner, Datapath::daemon);
        datapath.runners.forEach(runner -> AgentRunner.startOnThread(runner, Datapath::daemon));
        try {
            datapath.agents.forEach(DatapathAgent::awaitStart);
            return datapath;
        } catch (DatapathException e) {
            datapath.close();
            throw e;
        }
    }

    private static Thread daemon(Runnable work) {
        Thread thread = new Thread(work);
        thread.setDaemon(true);
        return thread;
    }

    /** Adds a port for a vhost-user front-end, which may connect as soon as the port is wired. */
    public VhostUserPort add(VhostUserPortConfig config) {
        return add(config.name(), () -> new VhostUserPort(config, counters, baton, conductor));
    }

    /** Adds a TAP interface, opened or made by this call. */
    public TapPort add(TapPortConfig config) {
        return add(config.name(), () -> TapPort.open(config, counters, baton));
    }

    /** Adds a TAP device that the caller opened; the datapath closes it. */
    public TapPort add(String name, TapDevice device) {
        return add(name, () -> TapPort.adopt(name, device, counters, baton));
    }

    /** Adds a port for a driver in this process. */
    public MemoryPort add(MemoryPortConfig config) {
        return add(config.name(), () -> new MemoryPort(config, counters, baton, conductor));
    }

    private <P extends Port> P add(String name, Supplier<P> creation) {
        return conductor.call(() -> {
            if (find(name) != null) {
                throw new DatapathException("there is a port " + name + " already");
            }
            P port = creation.get();
            ports.add(port);
            return port;
        });
    }

    /** Joins two ports that are not wired yet. */
    public Wire wire(Port a, Port b) {
        return conductor.call(() -> {
            Wire wire = new Wire(a, b);
            refuseUnlessFree(a);
            refuseUnlessFree(b);
            wirings.add(Wiring.create(wire, baton, agents));
            a.wired(b);
            b.wired(a);
            return wire;
        });
    }

    private void refuseUnlessFree(Port port) {
        if (!ports.contains(port)) {
            throw new DatapathException("port " + port.name() + " does not belong to this datapath");
        }
        for (Wiring wiring : wirings) {
            if (wiring.wire().joins(port)) {
                throw new DatapathException("port " + port.name() + " is wired already: " + wiring.wire());
            }
        }
    }

    /**
     * Moves a queue pair, with all that share its queues, to another agent while it carries traffic: no frame is lost,
     * repeated or reordered.
     *
     * @param port  a wired port
     * @param pair  one of its queue pairs, from 0
     * @param agent index of the agent that shall own it, see {@link DatapathConfig#cpus()}
     * @return the pause that this took
     * @throws DatapathException when it stays where it was, with the reason
     */
    public Blackout move(Port port, int pair, int agent) {
        return conductor.call(() -> {
            if (agent < 0 || agent >= agents.size()) {
                throw new DatapathException("there is no agent " + agent + ", they are 0 to " + (agents.size() - 1));
            }
            if (pair < 0 || pair >= port.queuePairs()) {
                throw new DatapathException("port " + port.name() + " has no queue pair " + pair + ", they are 0 to "
                    + (port.queuePairs() - 1));
            }
            Wiring wiring = wirings.stream().filter(candidate -> candidate.wire().joins(port)).findFirst()
                .orElseThrow(() -> new DatapathException("port " + port.name() + " is not wired"));
            return wiring.move(wiring.laneOf(pair), agents.get(agent));
        });
    }

    /** Takes a wire away. Frames that a guest has queued stay queued; its front-end is disconnected. */
    public void unwire(Wire wire) {
        conductor.call(() -> {
            Wiring wiring = wirings.stream().filter(candidate -> candidate.wire().equals(wire)).findFirst()
                .orElseThrow(() -> new DatapathException("there is no wire " + wire));
            undo(wiring);
            return wire;
        });
    }

    private void undo(Wiring wiring) {
        wiring.wire().a().wired(null);
        wiring.wire().b().wired(null);
        wiring.undo();
        wirings.remove(wiring);
    }

    /** Removes a port with its wire; the other ports go on. */
    public void remove(Port port) {
        conductor.call(() -> {
            if (!ports.contains(port)) {
                throw new DatapathException("port " + port.name() + " does not belong to this datapath");
            }
            removeNow(port);
            return port;
        });
    }

    private void removeNow(Port port) {
        wirings.stream().filter(wiring -> wiring.wire().joins(port)).findFirst().ifPresent(this::undo);
        ports.remove(port);
        port.close();
    }

    /** The ports, in the order they were added. */
    public List<Port> ports() {
        return conductor.call(() -> List.copyOf(ports));
    }

    /** The wires, in the order they were made. */
    public List<Wire> wires() {
        return conductor.call(() -> wirings.stream().map(Wiring::wire).toList());
    }

    /** The port of that name, or null. */
    public @Nullable Port port(String name) {
        return conductor.call(() -> find(name));
    }

    private @Nullable Port find(String name) {
        return ports.stream().filter(port -> port.name().equals(name)).findFirst().orElse(null);
    }

    /** What {@link Port#state()} says, asked on the conductor's thread. */
    public String state(Port port) {
        return conductor.call(port::state);
    }

    /** The counters as they stand. */
    public CountersSnapshot counters() {
        return CountersSnapshot.read(counters.fd());
    }

    /** The memfd with the counters, for {@link CountersSnapshot#read(Fd)} in another process; stays the datapath's. */
    public Fd countersFd() {
        return counters.fd();
    }

    private void memoryFaulted(Lane lane, Transfer transfer) {
        conductor.post(() -> {
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
        });
    }

    private void tick() {
        for (Port port : ports) {
            if (port instanceof VhostUserPort vhostUser) {
                vhostUser.tick();
            }
        }
    }

    /** Disconnects every front-end, closes every port and ends the threads. Idempotent. */
    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        conductor.call(() -> {
            List.copyOf(ports).forEach(this::removeNow);
            return this;
        });
        agents.forEach(DatapathAgent::shutdown);
        CloseHelper.closeAll(runners);
        conductor.shutdown();
        conductorRunner.close();
        counters.close();
        baton.close();
    }
}
