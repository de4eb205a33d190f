package dev.baton.datapath;

import dev.baton.handover.Attachment;
import dev.baton.handover.BackEndState;
import dev.baton.handover.BackendBlob;
import dev.baton.handover.FrontEndState;
import dev.baton.handover.PortState;
import dev.baton.handover.WireState;
import dev.baton.vhostuser.SessionState;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a handover carried to the new owner.
 *
 * @param ports       ports
 * @param wires       wires
 * @param lanes       lanes, each with its own change of owner
 * @param connections vhost-user connections of front-ends that never noticed
 * @param virtqueues  virtqueues that were started
 * @param regions     regions of guest memory
 * @param tapQueues   queues of back ends, as descriptors
 * @param attachments what the embedder added, by name
 */
public record Carried(int ports, int wires, int lanes, int connections, int virtqueues, int regions, int tapQueues,
                      List<String> attachments) {
    /** The list is copied. */
    public Carried {
        attachments = List.copyOf(attachments);
    }

    static Carried of(List<PortState> ports, List<WireState> wires, List<Attachment> attachments) {
        int connections = 0;
        int virtqueues = 0;
        int regions = 0;
        int tapQueues = 0;
        for (PortState port : ports) {
            switch (port) {
                case FrontEndState frontEnd -> {
                    SessionState session = frontEnd.session();
                    if (session != null) {
                        connections++;
                        virtqueues += (int) session.rings().stream().filter(ring -> ring.running()).count();
                        regions += session.regions().size();
                    }
                }
                case BackEndState backEnd -> tapQueues += descriptors(backEnd.state());
            }
        }
        return new Carried(ports.size(), wires.size(), wires.stream().mapToInt(wire -> wire.lanes().size()).sum(),
            connections, virtqueues, regions, tapQueues, attachments.stream().map(Attachment::name).toList());
    }

    private static int descriptors(@Nullable BackendBlob state) {
        return state == null ? 0 : state.queuePairs().stream().mapToInt(pair -> pair.descriptors().size()).sum();
    }
}
