package dev.baton.handover;

import java.util.List;

/**
 * A wire, and who owns which part of it.
 *
 * @param a name of the port at one end
 * @param b name of the port at the other end
 * @param lanes its lanes, the units of ownership
 */
public record WireState(String a, String b, List<LaneState> lanes) {

    /** The list is copied. */
    public WireState {
        lanes = List.copyOf(lanes);
    }
}
