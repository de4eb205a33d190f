package dev.baton.datapath;

import java.util.Arrays;
import java.util.List;

/**
 * How a datapath is launched.
 *
 * @param name     names the threads and the counters memory; at most 8 characters are seen in thread names
 * @param cpus     one agent is started per CPU and pinned to it; empty: one agent, not pinned
 * @param idleMode what agents do without traffic
 */
public record DatapathConfig(String name, List<Integer> cpus, IdleMode idleMode) {
    /** Checks the CPU numbers: not negative, each at most once. */
    public DatapathConfig {
        cpus = List.copyOf(cpus);
        if (cpus.stream().anyMatch(cpu -> cpu < 0) || cpus.stream().distinct().count() != cpus.size()) {
            throw new DatapathException("cpus " + cpus + ": each CPU number once, none negative");
        }
    }

    /** One agent that is not pinned and sleeps when there is no traffic. */
    public static DatapathConfig defaults() {
        return new DatapathConfig("baton", List.of(), IdleMode.ADAPTIVE);
    }

    /** This configuration under another name. */
    public DatapathConfig withName(String newName) {
        return new DatapathConfig(newName, cpus, idleMode);
    }

    /** This configuration with one agent per given CPU. */
    public DatapathConfig withCpus(int... newCpus) {
        return new DatapathConfig(name, Arrays.stream(newCpus).boxed().toList(), idleMode);
    }

    /** This configuration with another idle mode. */
    public DatapathConfig withIdleMode(IdleMode newIdleMode) {
        return new DatapathConfig(name, cpus, newIdleMode);
    }

    int agentCount() {
        return Math.max(1, cpus.size());
    }
}
