package dev.baton.datapath;

import dev.baton.virtqueue.QueueState;
import dev.baton.virtqueue.Virtqueue;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A datapath as it stood, taken while it runs. Each lane is seen at a burst boundary of its own. As no frame ever
 * passes from lane to lane, the lanes together are a state that the datapath could have been in at one moment.
 *
 * @param ports  in the order they were added
 * @param wires  in the order they were made
 * @param epochs sum of the lanes' epochs: how often a lane has changed its owner
 */
public record Snapshot(List<PortView> ports, List<WireView> wires, long epochs) {
    /** The lists are copied. */
    public Snapshot {
        ports = List.copyOf(ports);
        wires = List.copyOf(wires);
    }

    /**
     * A port.
     *
     * @param name       its name
     * @param options    as on the command line
     * @param state      what its far side does
     * @param virtqueues those that are started
     */
    public record PortView(String name, String options, String state, List<QueueView> virtqueues) {
    }

    /**
     * A started virtqueue.
     *
     * @param pair    its queue pair
     * @param rx      true: frames enter by it, the guest's transmitq; false: the guest's receiveq
     * @param size    descriptors
     * @param enabled whether frames may pass
     * @param state   where it stands
     */
    public record QueueView(int pair, boolean rx, int size, boolean enabled, QueueState state) {
    }

    /**
     * A wire.
     *
     * @param a     one port
     * @param b     the other
     * @param lanes its lanes
     */
    public record WireView(String a, String b, List<LaneView> lanes) {
    }

    /**
     * A lane.
     *
     * @param agent        index of the agent that owns it
     * @param epoch        how often it has changed its owner
     * @param lastBlackout the last time it did, null if it never did
     */
    public record LaneView(int agent, long epoch, @Nullable Blackout lastBlackout) {
    }

    /** Taken on the conductor's thread. */
    static Snapshot of(Datapath datapath) {
        Map<VirtqueueEnd, QueueView> queues = new HashMap<>();
        List<WireView> wires = new ArrayList<>();
        long epochs = 0;
        for (Wiring wiring : datapath.topology().wirings()) {
            List<LaneView> lanes = new ArrayList<>();
            for (Lane lane : wiring.lanes()) {
                DatapathAgent owner = wiring.owner(lane);
                owner.execute(() -> lane.ends().forEach(end -> view(end, queues)));
                long epoch = lane.epoch();
                lanes.add(new LaneView(datapath.agents().indexOf(owner), epoch, epoch == 0 ? null : lane.blackout()));
                epochs += epoch;
            }
            wires.add(new WireView(wiring.wire().a().name(), wiring.wire().b().name(), lanes));
        }
        List<PortView> ports = datapath.topology().ports().stream().map(port ->
            new PortView(port.name(), port.describe(), port.state(), queuesOf(port, queues))).toList();
        return new Snapshot(ports, wires, epochs);
    }

    private static List<QueueView> queuesOf(Port port, Map<VirtqueueEnd, QueueView> queues) {
        List<QueueView> found = new ArrayList<>();
        for (int pair = 0; pair < port.queuePairs(); pair++) {
            for (VirtqueueEnd end : new VirtqueueEnd[] {port.rxEnd(pair), port.txEnd(pair)}) {
                QueueView view = queues.get(end);
                if (view != null) {
                    found.add(new QueueView(pair, end == port.rxEnd(pair), view.size(), view.enabled(), view.state()));
                }
            }
        }
        return found;
    }

    private static void view(VirtqueueEnd end, Map<VirtqueueEnd, QueueView> into) {
        Virtqueue queue = end.queue();
        if (queue != null) {
            into.put(end, new QueueView(0, false, queue.size(), end.enabled(), queue.state()));
        }
    }
}
