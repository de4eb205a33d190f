package dev.baton.datapath;

import dev.baton.tap.TapQueue;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A thing that frames enter and leave by. Its far side decides what kind it is: a vhost-user front-end, a TAP
 * interface of the kernel, or a driver in this process.
 */
public abstract sealed class Port permits VirtqueuePort, BackendPort {
    private final String name;
    private final List<QueueCounters> counters;
    private final @Nullable DatapathAgent[] agents;
    private @Nullable Port peer;

    Port(String name, int queuePairs, Counters allCounters) {
        this.name = name;
        this.agents = new DatapathAgent[queuePairs];
        this.counters = new ArrayList<>(queuePairs);
        try {
            for (int pair = 0; pair < queuePairs; pair++) {
                counters.add(QueueCounters.allocate(allCounters, name, pair));
            }
        } catch (DatapathException e) {
            counters.forEach(QueueCounters::free);
            throw e;
        }
    }

    /** The port's name, unique in its datapath. */
    public final String name() {
        return name;
    }

    /** Queue pairs of this port. */
    public final int queuePairs() {
        return agents.length;
    }

    /** Kind and options in the words of the command line, e.g. {@code vhost-user:vm0,path=/run/vm0.sock,queues=2}. */
    public abstract String describe();

    /** What the far side is doing, in a few words: {@code connected, 4 of 4 virtqueues running}. */
    public abstract String state();

    final QueueCounters counters(int pair) {
        return counters.get(pair);
    }

    final @Nullable Port peer() {
        return peer;
    }

    // ---- wiring, on the conductor's thread

    /** The queue that frames come from and go to when this is a device end. */
    @Nullable TapQueue tapQueue(int pair) {
        return null;
    }

    /** Where a frame of this queue waits that was read and could not be delivered yet; of a device end only. */
    StagingSlot stagingSlot(int pair) {
        throw new IllegalStateException(name + " is no device end");
    }

    /** The virtqueue that frames enter by when this is a memory end: the guest's transmitq. */
    @Nullable VirtqueueEnd rxEnd(int pair) {
        return null;
    }

    /** The virtqueue that frames leave by when this is a memory end: the guest's receiveq. */
    @Nullable VirtqueueEnd txEnd(int pair) {
        return null;
    }

    /** Which offloads frames may ask for that leave by this port: a set of {@link Offloads}. */
    abstract int takes();

    /** Which offloads frames may ask for that the wired port sends here, though this one may have to help them on. */
    int couldTake() {
        return takes();
    }

    /** Whether frames that leave by this port may be joined, as far as its far side takes segmentation. */
    boolean coalescing() {
        return false;
    }

    /** Which offloads frames can be made to ask for that enter by this port. */
    abstract int canGive();

    /** The wired port now takes these offloads from frames of this one. */
    void give(int offloads) {
    }

    /** Whether all its queue pairs take frames as long as it is; else it tells the wired port which of them do. */
    boolean alwaysActive() {
        return true;
    }

    /** The queue pair of the wired port began or ceased to take frames. */
    void peerPairActive(int pair, boolean active) {
    }

    /** The guest behind the wired port has moved and asks that the network be told of its MAC address. */
    void announce(byte[] mac) {
    }

    /**
     * Refuses to be wired to a port that no transfer joins it with.
     *
     * @throws DatapathException with the reason
     */
    void checkWire(Port newPeer) {
    }

    /** Called when the port was wired, and with null when it is wired no more. */
    void wired(@Nullable Port newPeer) {
        peer = newPeer;
        give(newPeer == null ? Offloads.NONE : newPeer.takes());
    }

    /** The switch of this device: whether the state of the back end that it is wired to may be transferred. */
    boolean backendTransfer() {
        return true;
    }

    /** Called when a port of an incoming owner is wired as it was: nothing is told to anybody. */
    final void rewired(Port newPeer) {
        peer = newPeer;
    }

    final void assign(int pair, @Nullable DatapathAgent agent) {
        agents[pair] = agent;
    }

    /** Does something to the queue pair at a quiescent point of the agent that owns it, and waits for it. */
    final void atQuiescentPoint(int pair, Runnable action) {
        DatapathAgent agent = agents[pair];
        if (agent == null) {
            action.run();
        } else {
            agent.execute(() -> {
                action.run();
                agent.rewatch();
            });
        }
    }

    /** Adds to the counters what a former owner had counted. */
    void carry(FormerCounters former) {
        for (int pair = 0; pair < queuePairs(); pair++) {
            QueueCounters carried = counters(pair);
            atQuiescentPoint(pair, () -> carried.carry(former));
        }
    }

    /** Closes this process's descriptors and mappings and nothing else: another owner goes on with the port. */
    abstract void abandon();

    /** Stops all traffic of the port and frees what it holds; it is wired no more. */
    void close() {
        counters.forEach(QueueCounters::free);
    }

    @Override
    public final String toString() {
        return describe();
    }
}
