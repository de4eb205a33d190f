package dev.baton.bench.compare;

import java.util.List;
import java.util.function.ToDoubleFunction;

/** The middle of some numbers, and how far apart they are. */
record Spread(double min, double median, double max) {
    static <T> Spread of(List<T> items, ToDoubleFunction<T> what) {
        double[] sorted = items.stream().mapToDouble(what).sorted().toArray();
        int middle = sorted.length / 2;
        return new Spread(sorted[0],
            sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2,
            sorted[sorted.length - 1]);
    }
}
