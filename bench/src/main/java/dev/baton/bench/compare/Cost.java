package dev.baton.bench.compare;

import dev.baton.bench.BenchFailure;

/**
 * What a back end's work on frames has cost its core: counted in the same way on both sides, over the rounds that moved
 * a frame.
 *
 * @param ns     nanoseconds of such rounds
 * @param frames frames that they moved
 */
record Cost(double ns, long frames) {
    /** What a frame has cost since then, ns. */
    double perFrameSince(Cost then) {
        if (frames == then.frames) {
            throw new BenchFailure("no frame was moved in a whole window");
        }
        return (ns - then.ns) / (frames - then.frames);
    }
}
