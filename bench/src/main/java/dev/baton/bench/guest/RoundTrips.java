package dev.baton.bench.guest;

import dev.baton.bench.BenchFailure;
import org.HdrHistogram.Histogram;

/**
 * One frame at a time: out of one port, in by the other, out there again and in where it began. Nothing else is on the
 * way, so each of the four stretches takes what a back end takes to see a frame and hand it on.
 */
final class RoundTrips implements Load {
    private static final long LONGEST_NS = 10_000_000_000L;
    private static final int LOOKS = 1 << 20;

    private final GuestNic a;
    private final GuestNic b;
    private final Histogram ns = new Histogram(LONGEST_NS, 3);

    RoundTrips(GuestNic a, GuestNic b) {
        this.a = a;
        this.b = b;
    }

    @Override
    public void step() {
        long beganNs = System.nanoTime();
        a.send();
        await(b, beganNs);
        b.send();
        await(a, beganNs);
        ns.recordValue(Math.min(System.nanoTime() - beganNs, LONGEST_NS));
    }

    private static void await(GuestNic nic, long sinceNs) {
        for (int looks = 1; nic.receive() == 0; looks++) {
            Thread.onSpinWait();
            if (looks % LOOKS == 0 && System.nanoTime() - sinceNs > LONGEST_NS) {
                throw new BenchFailure("a frame does not come back");
            }
        }
    }

    /** Since the last report. */
    @Override
    public String report() {
        String report = ns.getTotalCount() + " took " + ns.getValueAtPercentile(50) + " "
            + ns.getValueAtPercentile(99);
        ns.reset();
        return report;
    }

    @Override
    public void close() {
        a.close();
        b.close();
    }
}
