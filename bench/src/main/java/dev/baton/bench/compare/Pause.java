package dev.baton.bench.compare;

import dev.baton.bench.BenchFailure;
import java.util.concurrent.TimeUnit;

/** Waiting while others work. */
final class Pause {
    /** Rings are full by then, and caches warm. */
    private static final double SETTLE_SECONDS = 0.3;

    private Pause() {
    }

    static void settle() {
        seconds(SETTLE_SECONDS);
    }

    static void seconds(double seconds) {
        try {
            TimeUnit.NANOSECONDS.sleep((long) (seconds * 1e9));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BenchFailure("interrupted", e);
        }
    }
}
