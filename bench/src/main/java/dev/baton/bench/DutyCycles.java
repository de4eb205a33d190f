package dev.baton.bench;

import dev.baton.datapath.Datapath;
import java.util.concurrent.locks.LockSupport;

/** The duty cycles of a datapath that has one agent. */
final class DutyCycles {
    private static final long NAP_NS = 500_000;

    private final Datapath datapath;

    DutyCycles(Datapath datapath) {
        this.datapath = datapath;
    }

    /** Waits for so many more; returns how many there were in all. */
    long await(long more) {
        long end = now() + more;
        long cycles;
        do {
            // Looking all the time would take the counter's cache line from the agent all the time.
            LockSupport.parkNanos(NAP_NS);
            cycles = now();
        } while (cycles < end);
        return cycles;
    }

    private long now() {
        return datapath.counters().agents().getFirst().dutyCycles();
    }
}
