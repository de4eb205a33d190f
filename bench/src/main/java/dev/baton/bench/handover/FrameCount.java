package dev.baton.bench.handover;

/**
 * What became of numbered frames.
 *
 * @param sent       frames sent
 * @param arrived    of them, each counted once
 * @param duplicated frames that had arrived before
 * @param reordered  frames that arrived after a later one
 * @param strange    frames that nobody sent like this
 */
record FrameCount(long sent, long arrived, long duplicated, long reordered, long strange) {
    static final FrameCount NONE = new FrameCount(0, 0, 0, 0, 0);

    FrameCount plus(FrameCount other) {
        return new FrameCount(sent + other.sent, arrived + other.arrived, duplicated + other.duplicated,
            reordered + other.reordered, strange + other.strange);
    }

    long lost() {
        return sent - arrived;
    }

    /** Whether every frame arrived once, in order, as it was sent. */
    boolean clean() {
        return lost() == 0 && duplicated == 0 && reordered == 0 && strange == 0;
    }
}
