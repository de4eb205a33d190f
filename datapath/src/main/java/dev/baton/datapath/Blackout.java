package dev.baton.datapath;

/**
 * The pause of a lane while it changed its owner, in CLOCK_MONOTONIC nanoseconds ({@link System#nanoTime}).
 *
 * @param releasedNs   when the old owner had finished its last burst
 * @param resumedNs    when the new owner began its first burst
 * @param firstFrameNs when the new owner's first burst that moved a frame was over; 0: no frame has come yet
 */
public record Blackout(long releasedNs, long resumedNs, long firstFrameNs) {
    /** How long nobody worked for the lane: from the old owner's last burst to the new owner's first, nanoseconds. */
    public long ns() {
        return resumedNs - releasedNs;
    }
}
