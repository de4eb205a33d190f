package dev.baton.tools.traffic;

import java.util.List;

/**
 * The time of full traffic at one end: data is sent until a deadline, then the end waits until all of it was
 * acknowledged, or for so long that it never will be.
 */
public final class Bulk {
    private static final long PATIENCE_NS = 5_000_000_000L;

    private final List<Flow> flows;
    private final long deadlineNs;
    private long acknowledged = -1;
    private long progressNs;

    /**
     * Begins.
     *
     * @param flows      the flows of this end
     * @param deadlineNs when to stop sending, by {@link System#nanoTime()}
     */
    public Bulk(List<Flow> flows, long deadlineNs) {
        this.flows = flows;
        this.deadlineNs = deadlineNs;
    }

    /**
     * Whether data is to be sent.
     *
     * @param nowNs the time
     * @return true before the deadline
     */
    public boolean sending(long nowNs) {
        return nowNs - deadlineNs < 0;
    }

    /**
     * Whether this end has nothing more to wait for.
     *
     * @param nowNs the time
     * @return true when all that was sent was acknowledged, or nothing more was for five seconds
     */
    public boolean settled(long nowNs) {
        if (sending(nowNs)) {
            return false;
        }
        long sum = flows.stream().mapToLong(Flow::acknowledgedFrames).sum();
        if (sum != acknowledged) {
            acknowledged = sum;
            progressNs = nowNs;
        }
        return sum == flows.stream().mapToLong(Flow::sentFrames).sum() || nowNs - progressNs > PATIENCE_NS;
    }
}
