package dev.baton.datapath;

import dev.baton.ffi.Fd;
import dev.baton.handover.Edge;
import dev.baton.handover.HandoverChannel;
import dev.baton.handover.HandoverException;
import dev.baton.handover.HandoverMessages;
import dev.baton.handover.Hello;
import dev.baton.handover.LaneConfirmation;
import dev.baton.tap.TapDevice;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
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
    private final DatapathConfig config;
    private final List<Runnable> changeListeners = new ArrayList<>();
    private final List<Runnable> deferred = new ArrayList<>();
    private long changes;
    private long changesTold;
    private final List<StandbyLink> standbyLinks = new CopyOnWriteArrayList<>();
    private boolean frozen;
    private boolean closed;

    private Datapath(DatapathConfig config, Baton baton, boolean pinned) {
        this.config = config;
        this.baton = baton;
        counters = new Counters(config.name());
        for (int i = 0; i < config.agentCount(); i++) {
            int cpu = config.cpus().isEmpty() ? -1 : config.cpus().get(i);
            AgentCounters agentCounters = new AgentCounters(counters, i, cpu);
            agents.add(new DatapathAgent("baton-agent-" + i, cpu, pinned, agentCounters, this::memoryFaulted));
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
        return launch(new Datapath(config, Baton.create(config.name()), true));
    }

    /** Starts a datapath next to the owner of this baton, to relieve it. */
    static Datapath launchIncoming(DatapathConfig config, Baton baton) {
        return launch(new Datapath(config, baton, false));
    }

    private static Datapath launch(Datapath datapath) {
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

    /** Adds a port that gives every frame back. */
    public LoopbackPort add(LoopbackPortConfig config) {
        return add(config.name(), () -> LoopbackPort.open(config, counters, baton));
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
        return change(() -> {
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
        return change(() -> {
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
        return change(() -> {
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
        change(() -> {
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
        change(() -> {
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

    // ---- handover

    /**
     * Hands this datapath over to another process, which calls {@link #takeOver} on the other end of the channel.
     * Frames go on all the time but for the moment in which each lane changes its owner. Blocks for the whole of it;
     * calls from other threads go on, but for those that would change what is handed over.
     *
     * @param channel a connected UNIX stream socket, closed by this call
     * @param options global switch and profile must be those of the new owner
     * @return when each lane changed its owner; this object is closed and nothing of it is this process's any more
     * @throws HandoverException when it was not handed over, naming the section and the reason: nothing has changed
     */
    public List<LaneConfirmation> handOver(Fd channel, HandoverOptions options) throws HandoverException {
        try (HandoverChannel open = HandoverChannel.over(channel, options.faults(), options.timeoutMs())) {
            try {
                options.faults().at(Edge.OUTGOING_ASKED);
                Outgoing.check(this);
                options.faults().at(Edge.OUTGOING_HELLO);
                options.hello(Hello.Purpose.TAKEOVER).exchange(open, options.timeoutMs());
                return new OutgoingHandover(this, open, options).run();
            } catch (HandoverException e) {
                HandoverMessages.refuse(open, e);
                throw e;
            }
        }
    }

    /**
     * Takes over the datapath of another process, which calls {@link #handOver} on the other end of the channel.
     *
     * @param channel a connected UNIX stream socket, closed by this call
     * @param options global switch and profile must be those of the old owner
     * @throws HandoverException when it was not taken over, naming the section and the reason; the old owner goes on
     */
    public static Takeover takeOver(Fd channel, HandoverOptions options) throws HandoverException {
        long startedNs = System.nanoTime();
        try (HandoverChannel open = HandoverChannel.over(channel, options.faults(), options.timeoutMs())) {
            try (IncomingHandover incoming = new IncomingHandover(open, options, startedNs)) {
                options.faults().at(Edge.INCOMING_ASK);
                options.faults().at(Edge.INCOMING_HELLO);
                options.hello(Hello.Purpose.TAKEOVER).exchange(open, options.timeoutMs());
                return incoming.run();
            } catch (HandoverException e) {
                HandoverMessages.refuse(open, e);
                throw e;
            }
        }
    }

    /**
     * Serves a standby: a process that calls {@link Standby#attach} on the other end of the channel, holds everything
     * ready, and goes on when this one dies. Blocks until the standby has gone, or this datapath has ended or has been
     * handed over.
     *
     * @param channel a connected UNIX stream socket, closed by this call
     * @param options global switch and profile must be those of the standby
     * @throws HandoverException when there is no standby any more, naming the section and the reason
     */
    public void standBy(Fd channel, HandoverOptions options) throws HandoverException {
        try (HandoverChannel open = HandoverChannel.over(channel, options.faults(), options.timeoutMs())) {
            StandbyLink link = new StandbyLink(this, open, options);
            try {
                Outgoing.check(this);
                options.hello(Hello.Purpose.STANDBY).exchange(open, options.timeoutMs());
                standbyLinks.add(link);
                link.run();
            } catch (HandoverException e) {
                HandoverMessages.refuse(open, e);
                throw e;
            } finally {
                standbyLinks.remove(link);
                link.finished();
            }
        }
    }

    /** The whole datapath as it stands, each lane at a burst boundary of its own, while it runs. */
    public Snapshot snapshot() {
        return conductor.call(() -> Snapshot.of(this));
    }

    /** The process-wide owner of everything that is not a frame. */
    Conductor conductor() {
        return conductor;
    }

    DatapathConfig config() {
        return config;
    }

    Baton baton() {
        return baton;
    }

    Counters allCounters() {
        return counters;
    }

    List<DatapathAgent> agents() {
        return agents;
    }

    /** Ports, to be changed on the conductor's thread alone. */
    List<Port> portList() {
        return ports;
    }

    /** Wires at work, to be changed on the conductor's thread alone. */
    List<Wiring> wirings() {
        return wirings;
    }

    /** Changes something that a description of this datapath tells; refused while a handover is under way. */
    private <T> T change(Callable<T> task) {
        return conductor.call(() -> {
            if (frozen) {
                throw new DatapathException("a handover is under way: try again after it");
            }
            changes++;
            return task.call();
        });
    }

    /** Moves whenever a description of this datapath became out of date; conductor's thread. */
    long changes() {
        long all = changes;
        for (Port port : ports) {
            if (port instanceof VhostUserPort vhostUser) {
                all += vhostUser.changes();
            }
        }
        return all;
    }

    /** Runs the listener on the conductor's thread, soon after each change. */
    void onChange(Runnable listener) {
        conductor.call(() -> changeListeners.add(listener));
    }

    void removeChangeListener(Runnable listener) {
        conductor.call(() -> changeListeners.remove(listener));
    }

    /** Nothing that a description tells changes from now on; frames go on. Returns {@link #changes}. */
    long freeze() {
        return conductor.call(() -> {
            if (frozen) {
                throw new DatapathException("another handover is under way");
            }
            frozen = true;
            for (Port port : ports) {
                if (port instanceof VhostUserPort vhostUser) {
                    vhostUser.freeze();
                }
            }
            return changes();
        });
    }

    /** Goes on after {@link #freeze}, or begins to serve front-ends after a handover. */
    void serve() {
        conductor.call(() -> {
            frozen = false;
            for (Port port : ports) {
                if (port instanceof VhostUserPort vhostUser) {
                    vhostUser.serve();
                }
            }
            deferred.forEach(Runnable::run);
            deferred.clear();
            return this;
        });
    }

    private void memoryFaulted(Lane lane, Transfer transfer) {
        conductor.post(() -> {
            if (frozen) {
                deferred.add(() -> findMemoryFault(lane, transfer));
            } else {
                findMemoryFault(lane, transfer);
            }
        });
    }

    private void findMemoryFault(Lane lane, Transfer transfer) {
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

    private void tick() {
        for (Port port : ports) {
            if (port instanceof VhostUserPort vhostUser) {
                vhostUser.tick();
            }
        }
        if (!changeListeners.isEmpty() && changes() != changesTold) {
            changesTold = changes();
            List.copyOf(changeListeners).forEach(Runnable::run);
        }
    }

    /** Disconnects every front-end, closes every port and ends the threads. Idempotent. */
    @Override
    public void close() {
        end(StandbyLink.Goodbye.ENDED, () -> List.copyOf(ports).forEach(this::removeNow));
    }

    /** Ends the threads and closes this process's descriptors and mappings: another owner has the datapath. */
    void abandon() {
        end(StandbyLink.Goodbye.MOVED, () -> {
            agents.forEach(agent -> agent.execute(agent::dropLanes));
            wirings.forEach(Wiring::release);
            ports.forEach(Port::abandon);
        });
    }

    private synchronized void end(StandbyLink.Goodbye goodbye, Runnable ending) {
        if (closed) {
            return;
        }
        closed = true;
        standbyLinks.forEach(link -> link.end(goodbye));
        conductor.call(() -> {
            ending.run();
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
