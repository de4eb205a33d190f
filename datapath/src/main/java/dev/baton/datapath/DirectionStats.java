package dev.baton.datapath;

import java.util.SortedMap;

/**
 * What went one way through a port since it was added. {@code rx} is into Baton, {@code tx} out of it.
 *
 * @param frames        frames
 * @param bytes         bytes of these frames, without the virtio-net header
 * @param bursts        bursts that moved at least one frame
 * @param dropsByReason frames dropped, by {@link DropReason#reason()}; only reasons that occurred
 */
public record DirectionStats(long frames, long bytes, long bursts, SortedMap<String, Long> dropsByReason) {
    /** Frames dropped for any reason. */
    public long drops() {
        return dropsByReason.values().stream().mapToLong(Long::longValue).sum();
    }

    /** Mean frames per burst, 0 before the first burst. */
    public double framesPerBurst() {
        return bursts == 0 ? 0 : (double) frames / bursts;
    }
}
