package dev.baton.datapath;

import dev.baton.tap.TapQueue;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A wire at work: the transfers that carry it and the agents that run them. Conductor's thread only.
 *
 * <p>With n queue pairs on one port and m on the other, frames that enter by pair i of one leave by pair i modulo the
 * other's number. Pairs that are congruent modulo min(n, m) share virtqueues or TAP queues, so they share an agent:
 * a queue is never touched by two.
 */
final class Wiring {
    private record Lane(DatapathAgent agent, List<Transfer> transfers) {
    }

    private final Wire wire;
    private final List<Lane> lanes = new ArrayList<>();

    Wiring(Wire wire, List<DatapathAgent> agents) {
        this.wire = wire;
        int laneCount = Math.min(wire.a().queuePairs(), wire.b().queuePairs());
        for (int lane = 0; lane < laneCount; lane++) {
            DatapathAgent agent =
                agents.stream().min(Comparator.comparingInt(DatapathAgent::transferCount)).orElseThrow();
            List<Transfer> transfers = new ArrayList<>();
            connect(wire.a(), wire.b(), lane, laneCount, agent, transfers);
            connect(wire.b(), wire.a(), lane, laneCount, agent, transfers);
            lanes.add(new Lane(agent, transfers));
            agent.execute(() -> agent.addTransfers(transfers));
        }
    }

    Wire wire() {
        return wire;
    }

    boolean carries(Transfer transfer) {
        return lanes.stream().anyMatch(lane -> lane.transfers.contains(transfer));
    }

    private static void connect(Port from, Port to, int lane, int laneCount, DatapathAgent agent,
                                List<Transfer> transfers) {
        for (int pair = lane; pair < from.queuePairs(); pair += laneCount) {
            from.assign(pair, agent);
            transfers.add(transfer(from, pair, to, pair % to.queuePairs(), agent));
        }
    }

    private static Transfer transfer(Port from, int fromPair, Port to, int toPair, DatapathAgent agent) {
        TapQueue source = from.tapQueue(fromPair);
        TapQueue target = to.tapQueue(toPair);
        QueueCounters sourceCounters = from.counters(fromPair);
        QueueCounters targetCounters = to.counters(toPair);
        if (source != null) {
            return target != null ? new TapToTap(source, sourceCounters, target, targetCounters)
                : new TapToVirtqueue(source, sourceCounters, end(to.txEnd(toPair)));
        }
        VirtqueueEnd sourceEnd = end(from.rxEnd(fromPair));
        return target != null ? new VirtqueueToTap(sourceEnd, target, targetCounters, agent.scratch())
            : new VirtqueueToVirtqueue(sourceEnd, end(to.txEnd(toPair)), agent.scratch());
    }

    private static VirtqueueEnd end(@Nullable VirtqueueEnd end) {
        return Objects.requireNonNull(end, "a port has virtqueues or TAP queues");
    }

    /** Takes the transfers from their agents; afterwards nobody touches the queues of either port. */
    void undo() {
        for (Lane lane : lanes) {
            lane.agent.execute(() -> lane.agent.removeTransfers(lane.transfers));
            lane.transfers.forEach(Transfer::release);
        }
        unassign(wire.a());
        unassign(wire.b());
    }

    private static void unassign(Port port) {
        for (int pair = 0; pair < port.queuePairs(); pair++) {
            port.assign(pair, null);
        }
    }
}
