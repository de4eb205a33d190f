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
    /**
     * Frames of the longest burst: as many as an owner that is killed may have taken in each direction of a queue pair
     * without having said so to anybody.
     */
    public static final int LONGEST_BURST = 128;

    private final Counters counters;
    private final Baton baton;
    private final List<DatapathAgent> agents = new ArrayList<>();
    private final List<AgentRunner> runners = new ArrayList<>();
    private final Conductor conductor;
    private final AgentRunner conductorRunner;
    private final Topology topology;
    private final DatapathConfig config;
    private final List<StandbyLink> standbyLinks = new CopyOnWriteArrayList<>();
    private boolean closed;

    private Datapath(DatapathConfig config, Baton baton, @Nullable FormerCounters former) {
        this.config = config;
        this.baton = baton;
        Opened opened = new Opened();
        try {
            opened.add(baton);
            counters = opened.add(new Counters(config.name(), former));
            counters.owners(1 + config.agentCount());
            for (int i = 0; i < config.agentCount(); i++) {
                int cpu = config.cpus().isEmpty() ? -1 : config.cpus().get(i);
                DatapathAgent agent = new DatapathAgent("baton-agent-" + i, cpu, former == null,
                    new AgentCounters(counters, i, cpu), this::memoryFaulted);
                opened.add(agent::onClose);
                agents.add(agent);
            }
            Standbys standbys = new Standbys();
            topology = new Topology(baton, agents, standbys);
            conductor = new Conductor(topology::tick, standbys);
        } catch (RuntimeException e) {
            opened.close();
            throw e;
        }
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
        return launch(new Datapath(config, Baton.create(config.name()), null));
    }

    /** Starts a datapath next to the owner of this baton and these counters, to relieve it. */
    static Datapath launchIncoming(DatapathConfig config, Baton baton, FormerCounters former) {
        return launch(new Datapath(config, baton, former));
    }

    private static Datapath launch(Datapath datapath) {
        AgentRunner.startOnThread(datapath.conductorRunner, Datapath::daemon);
        datapath.runners.forEach(runner -> AgentRunner.startOnThread(runner, Datapath::daemon));
        try {
            datapath.conductor.run(() -> datapath.counters.own(0));
            datapath.agents.forEach(DatapathAgent::awaitStart);
            return datapath;
        } catch (DatapathException e) {
            datapath.abandon();
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

    /** Adds a port that drops every frame, and sends frames if it is told to. */
    public NullPort add(NullPortConfig config) {
        return add(config.name(), () -> NullPort.open(config, counters, baton));
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
        return conductor.call(() -> topology.add(name, creation));
    }

    /** Joins two ports that are not wired yet. */
    public Wire wire(Port a, Port b) {
        return conductor.call(() -> topology.wire(a, b));
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
        return conductor.call(() -> topology.move(port, pair, agent));
    }

    /** Takes a wire away. Frames that a guest has queued stay queued; its front-end is disconnected. */
    public void unwire(Wire wire) {
        conductor.run(() -> topology.unwire(wire));
    }

    /** Removes a port with its wire; the other ports go on. */
    public void remove(Port port) {
        conductor.run(() -> topology.remove(port));
    }

    /** The ports, in the order they were added. */
    public List<Port> ports() {
        return conductor.call(() -> List.copyOf(topology.ports()));
    }

    /** The wires, in the order they were made. */
    public List<Wire> wires() {
        return conductor.call(() -> topology.wirings().stream().map(Wiring::wire).toList());
    }

    /** The port of that name, or null. */
    public @Nullable Port port(String name) {
        return conductor.call(() -> topology.find(name));
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
                Hello peer = options.hello(Hello.Purpose.TAKEOVER).exchange(open, options.timeoutMs());
                try (Fence fence = Fence.aroundPeer(peer.pid())) {
                    return new OutgoingHandover(this, open, fence, options).run();
                }
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
            try {
                options.faults().at(Edge.INCOMING_ASK);
                options.faults().at(Edge.INCOMING_HELLO);
                Hello peer = options.hello(Hello.Purpose.TAKEOVER).exchange(open, options.timeoutMs());
                try (Fence fence = Fence.aroundPeer(peer.pid());
                     IncomingHandover incoming = new IncomingHandover(open, fence, options, startedNs, false)) {
                    return incoming.run();
                }
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
                Hello peer = options.hello(Hello.Purpose.STANDBY).exchange(open, options.timeoutMs());
                standbyLinks.add(link);
                link.run(peer.pid());
            } catch (HandoverException e) {
                HandoverMessages.refuse(open, e);
                throw e;
            } finally {
                standbyLinks.remove(link);
                link.finished();
            }
        }
    }

    /** What each standby of this datapath knows, in the order in which they came. */
    public List<StandbyStatus> standbys() {
        return conductor.call(() -> conductor.standbys().status());
    }

    /** The whole datapath as it stands, each lane at a burst boundary of its own, while it runs. */
    public Snapshot snapshot() {
        return conductor.call(() -> Snapshot.of(this));
    }

    /** The thread that ports, wires and connections belong to. */
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

    /** Ports, wires and their changes: on the conductor's thread alone. */
    Topology topology() {
        return topology;
    }

    private void memoryFaulted(Lane lane, Transfer transfer) {
        conductor.post(() -> topology.memoryFaulted(lane, transfer));
    }

    /** Disconnects every front-end, closes every port and ends the threads. Idempotent. */
    @Override
    public void close() {
        end(StandbyLink.Goodbye.ENDED, topology::close);
    }

    /** Ends the threads and closes this process's descriptors and mappings: another owner has the datapath. */
    void abandon() {
        end(StandbyLink.Goodbye.MOVED, topology::abandon);
    }

    private synchronized void end(StandbyLink.Goodbye goodbye, Runnable ending) {
        if (closed) {
            return;
        }
        closed = true;
        standbyLinks.forEach(link -> link.end(goodbye));
        if (goodbye == StandbyLink.Goodbye.ENDED) {
            // For a standby that hears too late that this was no death.
            baton.succession().end();
        }
        conductor.run(ending);
        agents.forEach(DatapathAgent::shutdown);
        CloseHelper.closeAll(runners);
        conductor.shutdown();
        conductorRunner.close();
        counters.close();
        baton.close();
    }
}
