package dev.baton.datapath;

import org.agrona.concurrent.IdleStrategy;

/** Polls on for a quiet while, then lets the agent sleep on its descriptors. */
final class AdaptiveIdle implements IdleStrategy {
    /** Twice what sleeping and waking costs on a virtual machine: worth polling for, not worth more. */
    private static final long QUIET_NS = 200_000;

    private final DatapathAgent agent;
    private long quietSinceNs;
    private boolean quiet;

    AdaptiveIdle(DatapathAgent agent) {
        this.agent = agent;
    }

    @Override
    public void idle(int workCount) {
        if (workCount > 0) {
            quiet = false;
        } else {
            idle();
        }
    }

    @Override
    public void idle() {
        long nowNs = System.nanoTime();
        if (!quiet) {
            quiet = true;
            quietSinceNs = nowNs;
        } else if (nowNs - quietSinceNs > QUIET_NS) {
            quiet = false;
            agent.sleep();
        } else {
            Thread.onSpinWait();
        }
    }

    @Override
    public void reset() {
        quiet = false;
    }

    @Override
    public String alias() {
        return "adaptive";
    }
}
