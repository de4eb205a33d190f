package dev.baton.handover;

/**
 * When a lane changed owner. All times are of the machine's monotonic clock, in nanoseconds; 0 where it did not happen.
 *
 * @param laneRecord index of the lane record in the baton
 * @param releasedNs the outgoing owner let go
 * @param claimedNs the incoming owner saw that it had it
 * @param firstFrameNs the incoming owner had moved its first frame
 */
public record LaneConfirmation(int laneRecord, long releasedNs, long claimedNs, long firstFrameNs) {
}
