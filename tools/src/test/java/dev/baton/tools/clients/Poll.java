package dev.baton.tools.clients;

import java.time.Duration;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/** Waiting for what will come about by itself. */
final class Poll {
    private Poll() {
    }

    /**
     * Asks again and again until something is so; fails when it has not become so in time.
     *
     * @param limit how long
     * @param what  says what was missing
     * @param test  the question
     */
    static void until(Duration limit, Supplier<String> what, BooleanSupplier test) {
        long deadline = System.nanoTime() + limit.toNanos();
        while (!test.getAsBoolean()) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError("not within " + limit + ": " + what.get());
            }
            pause(Duration.ofMillis(100));
        }
    }

    static void pause(Duration time) {
        try {
            Thread.sleep(time);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted", e);
        }
    }
}
