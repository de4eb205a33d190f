package dev.baton.tools.traffic;

import java.util.Arrays;

/**
 * Counts what arrived of a sequence 0, 1, 2, ... and how: once, twice, or behind a later one.
 *
 * <p>A bit for each of the last {@value #MEMORY} numbers says whether it was seen. The count is exact as long as a
 * frame is late by fewer than that; a frame later still, which a sender with a window cannot cause, counts as a
 * duplicate.
 */
public final class SequenceChecker {
    /** How many numbers behind the highest are remembered. */
    public static final int MEMORY = 1 << 16;

    private final long[] seen = new long[MEMORY >> 6];
    private long next;
    private long unique;
    private long duplicated;
    private long reordered;

    /**
     * Takes note of a frame.
     *
     * @param sequence its number, not negative
     * @return true when it is the first with this number
     */
    public boolean accept(long sequence) {
        if (sequence >= next) {
            advance(sequence);
            unique++;
            return true;
        }
        if (next - sequence > MEMORY || isSeen(sequence)) {
            duplicated++;
            return false;
        }
        mark(sequence);
        reordered++;
        unique++;
        return true;
    }

    private void advance(long sequence) {
        if (sequence - next >= MEMORY) {
            Arrays.fill(seen, 0);
        } else {
            for (long skipped = next; skipped < sequence; skipped++) {
                seen[(int) (skipped >>> 6) & seen.length - 1] &= ~(1L << skipped);
            }
        }
        mark(sequence);
        next = sequence + 1;
    }

    private boolean isSeen(long sequence) {
        return (seen[(int) (sequence >>> 6) & seen.length - 1] & 1L << sequence) != 0;
    }

    private void mark(long sequence) {
        seen[(int) (sequence >>> 6) & seen.length - 1] |= 1L << sequence;
    }

    /**
     * Frames that arrived, each counted once.
     *
     * @return frames
     */
    public long unique() {
        return unique;
    }

    /**
     * Frames that had arrived before.
     *
     * @return frames
     */
    public long duplicated() {
        return duplicated;
    }

    /**
     * Frames that arrived, for the first time, after one with a higher number.
     *
     * @return frames
     */
    public long reordered() {
        return reordered;
    }
}
