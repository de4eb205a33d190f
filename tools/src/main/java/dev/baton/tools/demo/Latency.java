package dev.baton.tools.demo;

import java.util.LinkedHashMap;
import java.util.Map;
import org.HdrHistogram.Histogram;

/** The percentiles that are shown of a distribution in nanoseconds. */
final class Latency {
    private Latency() {
    }

    static Map<String, Object> tree(Histogram histogram) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("count", histogram.getTotalCount());
        tree.put("p50", histogram.getValueAtPercentile(50));
        tree.put("p90", histogram.getValueAtPercentile(90));
        tree.put("p99", histogram.getValueAtPercentile(99));
        tree.put("p99.9", histogram.getValueAtPercentile(99.9));
        tree.put("max", histogram.getMaxValue());
        return tree;
    }
}
