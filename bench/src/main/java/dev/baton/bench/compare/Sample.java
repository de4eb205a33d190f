package dev.baton.bench.compare;

import dev.baton.bench.BenchFailure;
import java.util.EnumMap;
import java.util.Map;
import java.util.Set;

/** One window of a contender: what was measured in it. */
final class Sample {
    private final Map<Metric, Double> values;

    private Sample(Map<Metric, Double> values) {
        this.values = new EnumMap<>(values);
    }

    static Sample of(Metric metric, double value) {
        return new Sample(Map.of(metric, value));
    }

    static Sample of(Metric first, double firstValue, Metric second, double secondValue) {
        return new Sample(Map.of(first, firstValue, second, secondValue));
    }

    /** The same and one more. */
    Sample and(Metric metric, double value) {
        Map<Metric, Double> all = new EnumMap<>(values);
        all.put(metric, value);
        return new Sample(all);
    }

    Set<Metric> metrics() {
        return values.keySet();
    }

    double value(Metric metric) {
        Double value = values.get(metric);
        if (value == null) {
            throw new BenchFailure("not measured: " + metric.unit());
        }
        return value;
    }
}
