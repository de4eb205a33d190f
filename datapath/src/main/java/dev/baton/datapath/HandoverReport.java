package dev.baton.datapath;

import java.util.List;

/**
 * What a handover took, seen by the new owner.
 *
 * @param blackouts  the pause of each lane
 * @param brownoutNs from the first word between the owners to the moment when the old one was asked to let go
 * @param carried    what changed its owner
 * @param formerPid  the process of the former owner
 * @param recovered  lanes whose owner had died, and whose queues go on from the guests' rings
 */
public record HandoverReport(List<Blackout> blackouts, long brownoutNs, Carried carried, int formerPid,
                             int recovered) {
    /** The list is copied. */
    public HandoverReport {
        blackouts = List.copyOf(blackouts);
    }
}
