package dev.baton.bench.compare;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** All windows of a contender in a scene, over all starts. */
final class Side {
    private final String name;
    private final boolean limit;
    private final List<Sample> samples = new ArrayList<>();

    Side(String name, boolean limit) {
        this.name = name;
        this.limit = limit;
    }

    String name() {
        return name;
    }

    boolean isLimit() {
        return limit;
    }

    void add(Sample sample) {
        samples.add(sample);
    }

    List<Sample> samples() {
        return samples;
    }

    Set<Metric> metrics() {
        return samples.getFirst().metrics();
    }

    Spread spread(Metric metric) {
        return Spread.of(samples, sample -> sample.value(metric));
    }
}
