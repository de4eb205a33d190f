package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;

/** A wait that ends with a sentence when what it waits for does not come. */
final class Patience {
    private static final long PATIENCE_NS = TimeUnit.SECONDS.toNanos(30);

    private Patience() {
    }

    /** Waits until it is so; {@code what} says what has to be. */
    static void await(String what, BooleanSupplier met) {
        long startedNs = System.nanoTime();
        while (!met.getAsBoolean()) {
            assertThat(System.nanoTime() - startedNs).as("ns of waiting until %s", what).isLessThan(PATIENCE_NS);
            LockSupport.parkNanos(100_000);
        }
    }

    /** Waits until so many are counted: an agent counts a burst when its frames have arrived already. */
    static void counted(long expected, LongSupplier counter) {
        long startedNs = System.nanoTime();
        while (counter.getAsLong() != expected && System.nanoTime() - startedNs < PATIENCE_NS) {
            LockSupport.parkNanos(100_000);
        }
        assertThat(counter.getAsLong()).isEqualTo(expected);
    }
}
