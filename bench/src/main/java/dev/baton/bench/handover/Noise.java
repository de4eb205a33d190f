package dev.baton.bench.handover;

/**
 * What disturbs two owners that poll.
 *
 * @param switches   involuntary context switches of agents: the kernel has put another task in their place
 * @param stealTicks time of all CPUs, in ticks of 10 ms, in which the hypervisor has run something else although the
 *     machine had work
 */
record Noise(long switches, long stealTicks) {
    /** What has been counted since. */
    Noise since(Noise earlier) {
        return new Noise(switches - earlier.switches, stealTicks - earlier.stealTicks);
    }

    /** Both processes' agents; the machine is the same. */
    Noise with(Noise other) {
        return new Noise(switches + other.switches, Math.max(stealTicks, other.stealTicks));
    }

    boolean any() {
        return switches > 0 || stealTicks > 0;
    }
}
