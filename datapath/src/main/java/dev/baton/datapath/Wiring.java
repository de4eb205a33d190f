package dev.baton.datapath;

import dev.baton.coalesce.Coalescer;
import dev.baton.handover.LaneState;
import dev.baton.tap.TapQueue;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * A wire at work: the lanes that carry it and the agents that own them. Conductor's thread only.
 *
 * <p>With n queue pairs on one port and m on the other, frames that enter by pair i of one leave by pair i modulo the
 * other's number. Pairs that are congruent modulo min(n, m) share virtqueues or TAP queues, so they make one
 * {@link Lane}: a queue is never touched by two agents.
 */
final class Wiring {
    /** Two agents of this process meet within microseconds, unless one of them is stuck. */
    private static final long MOVE_TIMEOUT_MS = 2_000;

    private final Wire wire;
    private final Baton baton;
    private final List<Lane> lanes = new ArrayList<>();
    private final List<DatapathAgent> owners = new ArrayList<>();

    private Wiring(Wire wire, Baton baton) {
        this.wire = wire;
        this.baton = baton;
    }

    /** Makes the wire's lanes and gives them to the agents that have the fewest. */
    static Wiring create(Wire wire, Baton baton, List<DatapathAgent> agents) {
        Wiring wiring = new Wiring(wire, baton);
        for (int lane = 0; lane < laneCount(wire); lane++) {
            DatapathAgent agent = agents.stream().min(Comparator.comparingInt(DatapathAgent::laneCount)).orElseThrow();
            Lane added = wiring.addLane(lane, baton.allocateLane(), agent);
            agent.execute(() -> agent.add(added));
        }
        return wiring;
    }

    /**
     * Makes the lanes of a wire whose lanes another owner still has.
     *
     * @throws DatapathException when the states do not fit the wire
     */
    static Wiring restore(Wire wire, Baton baton, List<DatapathAgent> agents, List<LaneState> states) {
        if (states.size() != laneCount(wire)) {
            throw new DatapathException("wire " + wire + " has " + laneCount(wire) + " lanes, not " + states.size());
        }
        Wiring wiring = new Wiring(wire, baton);
        for (int lane = 0; lane < states.size(); lane++) {
            LaneState state = states.get(lane);
            baton.reserveLane(state.laneRecord());
            wiring.addLane(lane, state.laneRecord(), agents.get(state.agent())).setApart();
        }
        return wiring;
    }

    /** What the next owner needs to make the same lanes. */
    List<LaneState> save(List<DatapathAgent> agents) {
        return lanes.stream().map(lane -> new LaneState(agents.indexOf(owner(lane)), lane.index())).toList();
    }

    static int laneCount(Wire wire) {
        return Math.min(wire.a().queuePairs(), wire.b().queuePairs());
    }

    private Lane addLane(int lane, int record, DatapathAgent agent) {
        List<Transfer> transfers = new ArrayList<>();
        connect(wire.a(), wire.b(), lane, transfers);
        connect(wire.b(), wire.a(), lane, transfers);
        Lane added = new Lane(record, baton.lane(record), transfers);
        lanes.add(added);
        owners.add(agent);
        assign(lane, agent);
        return added;
    }

    Wire wire() {
        return wire;
    }

    List<Lane> lanes() {
        return lanes;
    }

    DatapathAgent owner(Lane lane) {
        return owners.get(lanes.indexOf(lane));
    }

    /** The lane that this queue pair of the port belongs to. */
    Lane laneOf(int pair) {
        return lanes.get(pair % lanes.size());
    }

    private void connect(Port from, Port to, int lane, List<Transfer> transfers) {
        for (int pair = lane; pair < from.queuePairs(); pair += laneCount(wire)) {
            transfers.add(transfer(from, pair, to, pair % to.queuePairs()));
        }
    }

    private static Transfer transfer(Port from, int fromPair, Port to, int toPair) {
        QueueCounters sourceCounters = from.counters(fromPair);
        QueueCounters targetCounters = to.counters(toPair);
        if (to instanceof NullPort) {
            return new VirtqueueToNull(end(from.rxEnd(fromPair)), targetCounters);
        }
        if (from instanceof NullPort sender) {
            return new NullToVirtqueue(sender.frame(), sourceCounters, end(to.txEnd(toPair)));
        }
        TapQueue source = from.tapQueue(fromPair);
        TapQueue target = to.tapQueue(toPair);
        if (source != null) {
            StagingSlot slot = from.stagingSlot(fromPair);
            return target != null ? new TapToTap(source, sourceCounters, slot, target, targetCounters)
                : new TapToVirtqueue(source, sourceCounters, slot, end(to.txEnd(toPair)), to.coalescing());
        }
        VirtqueueEnd sourceEnd = end(from.rxEnd(fromPair));
        return target != null ? new VirtqueueToTap(sourceEnd, target, targetCounters, coalescer(to))
            : new VirtqueueToVirtqueue(sourceEnd, end(to.txEnd(toPair)), to.coalescing());
    }

    /** For frames to a TAP: joins what the far side can cut again, unless it is switched off. */
    private static Coalescer coalescer(Port to) {
        int takes = to.coalescing() ? to.takes() : Offloads.NONE;
        boolean tcp = (takes & Offloads.TSO4) != 0;
        Coalescer coalescer = new Coalescer(TapQueue.MAX_SEGMENTS);
        coalescer.takes((takes & Offloads.USO4) != 0, tcp, tcp);
        return coalescer;
    }

    private static VirtqueueEnd end(@Nullable VirtqueueEnd end) {
        return Objects.requireNonNull(end, "a port has virtqueues or TAP queues");
    }

    private void assign(int lane, @Nullable DatapathAgent agent) {
        for (Port port : List.of(wire.a(), wire.b())) {
            for (int pair = lane; pair < port.queuePairs(); pair += laneCount(wire)) {
                port.assign(pair, agent);
            }
        }
    }

    /** Moves a lane to another agent while it carries traffic; when it throws, the lane is where it was. */
    Blackout move(Lane lane, DatapathAgent to) {
        DatapathAgent from = owner(lane);
        if (from == to) {
            throw new DatapathException("the queue pair is with " + to.roleName() + " already");
        }
        CompletableFuture<Lane> claimed = to.claim(lane);
        CompletableFuture<Lane> released;
        try {
            released = from.release(lane);
        } catch (DatapathException e) {
            to.cancelClaim(lane);
            throw e;
        }
        try {
            released.thenCombine(claimed, (_, taken) -> taken).get(MOVE_TIMEOUT_MS, TimeUnit.MILLISECONDS);
        } catch (TimeoutException | InterruptedException | ExecutionException e) {
            if (e instanceof InterruptedException) {
                Thread.currentThread().interrupt();
            }
            if (stays(lane, from, to)) {
                throw new DatapathException(to.roleName() + " did not take the queue pair within " + MOVE_TIMEOUT_MS
                    + " ms; it stays with " + from.roleName(), e);
            }
            claimed.join();
        }
        int index = lanes.indexOf(lane);
        owners.set(index, to);
        assign(index, to);
        return lane.blackout();
    }

    /** Ends a move that was begun, unless it is done by now. */
    private static boolean stays(Lane lane, DatapathAgent from, DatapathAgent to) {
        try {
            if (!from.cancelRelease(lane)) {
                return false;
            }
        } catch (DatapathException e) {
            // It is stuck, and lets the lane go to nobody but who claims it.
            return to.cancelClaim(lane);
        }
        to.cancelClaim(lane);
        return true;
    }

    /** Takes the lanes from their agents; afterwards nobody touches the queues of either port. */
    void undo() {
        for (Lane lane : lanes) {
            DatapathAgent agent = owner(lane);
            agent.execute(() -> agent.remove(lane));
            assign(lanes.indexOf(lane), null);
            forgetPending(lanes.indexOf(lane));
            baton.freeLane(lane.index());
        }
        release();
    }

    /** A frame that waits for one guest is none for whoever is wired next. */
    private void forgetPending(int lane) {
        for (Port port : List.of(wire.a(), wire.b())) {
            for (int pair = lane; pair < port.queuePairs(); pair += laneCount(wire)) {
                if (port.tapQueue(pair) != null) {
                    port.stagingSlot(pair).clear();
                }
            }
        }
    }

    /** Frees memory of the transfers; nobody runs them any more. */
    void release() {
        lanes.forEach(lane -> lane.transfers().forEach(Transfer::release));
    }
}
