package dev.baton.bench.compare;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/** All windows of a scene, in rounds: each of the contenders has one in each round. */
final class Comparison {
    private final Scene scene;
    /** Baton's is the first. */
    private final List<Side> sides = new ArrayList<>();

    private Comparison(Scene scene) {
        this.scene = scene;
    }

    /**
     * Runs a scene.
     *
     * @param contenders what starts them, Baton's first
     * @param starts     how often all processes are started anew: where their memory lies is luck
     * @param pairs      windows of each after each start, in turn
     */
    static Comparison run(Scene scene, List<Supplier<Contender>> contenders, int starts, int pairs, double seconds) {
        Comparison comparison = new Comparison(scene);
        for (int start = 0; start < starts; start++) {
            comparison.start(contenders, new ArrayList<>(), pairs, seconds);
        }
        return comparison;
    }

    private void start(List<Supplier<Contender>> suppliers, List<Contender> contenders, int pairs, double seconds) {
        try {
            for (Supplier<Contender> supplier : suppliers) {
                Contender contender = supplier.get();
                contenders.add(contender);
                contender.warmUp();
                if (sides.size() < contenders.size()) {
                    sides.add(new Side(contender.name(), contender.isLimit()));
                }
            }
            for (int pair = 0; pair < pairs; pair++) {
                // Each is the first as often as the last.
                for (int i = 0; i < contenders.size(); i++) {
                    int turn = pair % 2 == 0 ? i : contenders.size() - 1 - i;
                    sides.get(turn).add(contenders.get(turn).run(seconds));
                }
            }
        } finally {
            contenders.reversed().forEach(Contender::close);
        }
    }

    Scene scene() {
        return scene;
    }

    Side baton() {
        return sides.getFirst();
    }

    /** All but Baton. */
    List<Side> others() {
        return sides.subList(1, sides.size());
    }

    /** What both have of it. */
    List<Metric> metrics(Side other) {
        return baton().metrics().stream().filter(other.metrics()::contains).toList();
    }

    /** Those of them by which one is better than the other. */
    List<Metric> merits(Side other) {
        return metrics(other).stream().filter(metric -> metric != Metric.CLIENT).toList();
    }

    /** Baton's median over the other's; of a limit the share that Baton reaches. */
    double ratio(Side other, Metric metric) {
        return ratio(other, metric, baton().spread(metric).median(), other.spread(metric).median());
    }

    /** The ratios of the rounds one by one. */
    Spread ratios(Side other, Metric metric) {
        List<Double> ratios = new ArrayList<>();
        for (int i = 0; i < baton().samples().size(); i++) {
            ratios.add(ratio(other, metric, baton().samples().get(i).value(metric),
                other.samples().get(i).value(metric)));
        }
        return Spread.of(ratios, Double::doubleValue);
    }

    private static double ratio(Side other, Metric metric, double baton, double its) {
        return other.isLimit() && !metric.moreIsBetter() ? its / baton : baton / its;
    }
}
