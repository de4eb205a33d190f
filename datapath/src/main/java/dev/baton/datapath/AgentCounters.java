package dev.baton.datapath;

import java.util.List;
import org.agrona.concurrent.status.AtomicCounter;

/** The counters of one agent, written by its own thread. */
final class AgentCounters {
    static final List<String> KEYS = List.of("duty-cycles", "busy-cycles", "busy-ns", "frames", "sleeps",
        "max-cycle-ns", "alive-ns", "errors");

    private final Counters counters;
    private final int agent;
    private final AtomicCounter dutyCycles;
    private final AtomicCounter busyCycles;
    private final AtomicCounter busyNs;
    private final AtomicCounter frames;
    private final AtomicCounter sleeps;
    private final AtomicCounter maxCycleNs;
    private final AtomicCounter aliveNs;
    private final AtomicCounter errors;

    AgentCounters(Counters counters, int agent, int cpu) {
        this.counters = counters;
        this.agent = agent;
        String prefix = PortLabel.agentPrefix(agent, cpu);
        List<AtomicCounter> all = counters.allocate(KEYS.stream().map(key -> prefix + key).toList());
        dutyCycles = all.get(0);
        busyCycles = all.get(1);
        busyNs = all.get(2);
        frames = all.get(3);
        sleeps = all.get(4);
        maxCycleNs = all.get(5);
        aliveNs = all.get(6);
        errors = all.get(7);
    }

    /** The calling thread is the agent's. */
    void started() {
        counters.own(1 + agent);
    }

    /** One duty cycle ended at {@code nowNs} after {@code cycleNs}, having moved {@code workCount} frames. */
    void dutyCycle(long nowNs, long cycleNs, int workCount) {
        dutyCycles.getAndAddRelease(1);
        if (workCount > 0) {
            busyCycles.getAndAddRelease(1);
            busyNs.getAndAddRelease(cycleNs);
            frames.getAndAddRelease(workCount);
        }
        // Without a branch: one that is taken a few times a day would be left out by the compiler, and then missed.
        maxCycleNs.setRelease(Math.max(cycleNs, maxCycleNs.getPlain()));
        aliveNs.setRelease(nowNs);
    }

    void sleep() {
        sleeps.getAndAddRelease(1);
    }

    AtomicCounter errors() {
        return errors;
    }
}
