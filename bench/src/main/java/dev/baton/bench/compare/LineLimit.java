package dev.baton.bench.compare;

import dev.baton.bench.CacheLine;
import org.HdrHistogram.Histogram;

/** What a cache line takes from one core to another: no frame's index can be seen sooner. */
final class LineLimit implements Contender {
    private static final int ROUND_TRIPS = 200_000;
    private static final long LONGEST_NS = 1_000_000_000;

    private final String name;
    private final int ways;

    private LineLimit(String name, int ways) {
        this.name = name;
        this.ways = ways;
    }

    /** One way, next to a frame's cost. */
    static LineLimit oneWay() {
        return new LineLimit("one cache line, one way", 1);
    }

    /** So many ways one after the other, next to a frame's round trip. */
    static LineLimit ways(int ways) {
        return new LineLimit("a cache line, " + ways + " ways", ways);
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public boolean isLimit() {
        return true;
    }

    /** A fixed number of round trips: some hundredths of a second. */
    @Override
    public Sample run(double seconds) {
        Histogram ns = new Histogram(LONGEST_NS, 3);
        CacheLine.exchange(ROUND_TRIPS / 10, ROUND_TRIPS, round -> ns.recordValue(Math.min(round, LONGEST_NS)));
        if (ways == 1) {
            return Sample.of(Metric.CORE, ns.getValueAtPercentile(50) / 2.0);
        }
        return Sample.of(Metric.P50, ns.getValueAtPercentile(50) * ways / 2e9,
            Metric.P99, ns.getValueAtPercentile(99) * ways / 2e9);
    }

    @Override
    public void warmUp() {
        run(0);
    }

    @Override
    public void close() {
        // Nothing stays.
    }
}
