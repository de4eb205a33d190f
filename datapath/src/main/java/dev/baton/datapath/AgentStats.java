package dev.baton.datapath;

/**
 * The counters of one agent.
 *
 * @param index      the agent's number, from 0
 * @param cpu        the CPU that it is pinned to, -1 when it is not
 * @param dutyCycles duty cycles done
 * @param busyCycles duty cycles that moved at least one frame
 * @param busyNs     time of the duty cycles that moved frames, ns: with {@code frames}, what a frame costs
 * @param frames     frames moved
 * @param sleeps     times it slept on its descriptors
 * @param maxCycleNs longest duty cycle, ns
 * @param aliveNs    {@code System.nanoTime()} of its last heartbeat
 */
public record AgentStats(int index, int cpu, long dutyCycles, long busyCycles, long busyNs, long frames,
                         long sleeps, long maxCycleNs, long aliveNs) {
}
