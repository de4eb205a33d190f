package dev.baton.handover;

/**
 * The queue pairs of a wire that share an agent.
 *
 * @param agent index of the agent, as in {@link DatapathState#cpus()}
 * @param laneRecord index of the lane record in the baton, which no other lane has
 */
public record LaneState(int agent, int laneRecord) {
}
