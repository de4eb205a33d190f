package dev.baton.bench.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.baton.bench.BenchFailure;
import dev.baton.tools.json.JsonReader;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Whose turn it is, and what comes out, with contenders whose samples are known. */
class ComparisonTest {
    private final List<String> log = new ArrayList<>();

    /** Warms up with the first sample, and has one for each window. */
    private final class Known implements Contender {
        private final String name;
        private final boolean limit;
        private final Deque<Sample> samples;

        Known(String name, boolean limit, Sample... samples) {
            this.name = name;
            this.limit = limit;
            this.samples = new ArrayDeque<>(Arrays.asList(samples));
        }

        @Override
        public String name() {
            return name;
        }

        @Override
        public boolean isLimit() {
            return limit;
        }

        @Override
        public void warmUp() {
            log.add(name + " warms up");
        }

        @Override
        public Sample run(double seconds) {
            log.add(name);
            if (samples.isEmpty()) {
                throw new BenchFailure(name + " is done");
            }
            return samples.remove();
        }

        @Override
        public void close() {
            log.add(name + " closes");
        }
    }

    private static Sample sample(double frames, double ns) {
        return Sample.of(Metric.FRAMES, frames, Metric.CORE, ns);
    }

    private List<Supplier<Contender>> three() {
        return List.of(
            () -> new Known("Baton", false, sample(2e6, 40), sample(4e6, 50), sample(3e6, 80)),
            () -> new Known("peer", false, sample(1e6, 80), sample(2e6, 100), sample(1e6, 100)),
            () -> new Known("limit", true, Sample.of(Metric.CORE, 10), Sample.of(Metric.CORE, 20),
                Sample.of(Metric.CORE, 20)));
    }

    @Test
    void eachIsTheFirstAsOftenAsTheLast() {
        Comparison.run(Scene.LOOP_64, three(), 1, 2, 1);
        assertThat(log).containsExactly("Baton warms up", "peer warms up", "limit warms up",
            "Baton", "peer", "limit", "limit", "peer", "Baton", "limit closes", "peer closes", "Baton closes");
    }

    @Test
    void startsAllAnewAndKeepsTheirWindowsTogether() {
        Comparison comparison = Comparison.run(Scene.LOOP_64, three(), 2, 3, 1);
        assertThat(log.stream().filter("peer warms up"::equals)).hasSize(2);
        assertThat(comparison.others()).extracting(Side::name).containsExactly("peer", "limit");
        assertThat(comparison.baton().samples()).hasSize(6);
        assertThat(comparison.others().getLast().samples()).hasSize(6);
    }

    @Test
    void aRatioIsBatonsOverThePeersAndAShareIsNotAboveOneWhereTheLimitHolds() {
        Comparison comparison = Comparison.run(Scene.LOOP_64, three(), 1, 3, 1);
        Side peer = comparison.others().getFirst();
        Side limit = comparison.others().getLast();
        assertThat(comparison.ratio(peer, Metric.FRAMES)).isEqualTo(3.0);
        assertThat(comparison.ratio(peer, Metric.CORE)).isEqualTo(0.5);
        assertThat(comparison.ratios(peer, Metric.FRAMES)).isEqualTo(new Spread(2, 2, 3));
        assertThat(comparison.metrics(limit)).containsExactly(Metric.CORE);
        assertThat(comparison.ratio(limit, Metric.CORE)).isEqualTo(0.4);
        assertThat(comparison.ratios(limit, Metric.CORE).min()).isCloseTo(0.25, within(1e-9));
    }

    @Test
    void allAreClosedWhenOneFails() {
        assertThatThrownBy(() -> Comparison.run(Scene.LOOP_64, three(), 1, 4, 1)).hasMessageEndingWith("is done");
        assertThat(log).endsWith("limit closes", "peer closes", "Baton closes");
    }

    @Test
    void theReportHasEverySideWithItsWindows() {
        CompareReport report = new CompareReport(List.of(Comparison.run(Scene.LATENCY_64, List.of(
            () -> new Known("Baton", false, Sample.of(Metric.P50, 2e-6, Metric.P99, 4e-6)),
            () -> new Known("peer", false, Sample.of(Metric.P50, 4e-6, Metric.P99, 5e-6))), 1, 1, 1)));
        assertThat(report.table().lines().map(line -> line.replaceAll("\\s+", " ").strip())).contains(
            "latency-64: " + Scene.LATENCY_64.what() + "; 1 windows of each",
            "p50, us 2.00 (2.00 to 2.00) 4.00 (4.00 to 4.00) 0.50 0.50 (0.50 to 0.50)",
            "p99, us 4.00 (4.00 to 4.00) 5.00 (5.00 to 5.00) 0.80 0.80 (0.80 to 0.80)");
        Object scene = first(JsonReader.at(JsonReader.parse(report.json()), "scenes"));
        assertThat(JsonReader.at(scene, "scene")).isEqualTo("latency-64");
        Object peer = first(JsonReader.at(scene, "others"));
        assertThat(JsonReader.number(peer, "ratios", "p50").doubleValue()).isEqualTo(0.5);
        assertThat(JsonReader.number(first(JsonReader.at(peer, "windows")), "p50").doubleValue()).isEqualTo(4e-6);
    }

    private static @Nullable Object first(@Nullable Object list) {
        return list instanceof List<?> items ? items.getFirst() : null;
    }
}
