package dev.baton.bench.compare;

import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;

/** All windows of a scene, in pairs. */
final class Comparison {
    private final Scene scene;
    private final List<Sample> baton = new ArrayList<>();
    private final List<Sample> peer = new ArrayList<>();

    private Comparison(Scene scene) {
        this.scene = scene;
    }

    /**
     * Runs a scene.
     *
     * @param sides  who is compared
     * @param starts how often all processes are started anew: where their memory lies is luck
     * @param pairs  windows of each side after each start, in turn
     */
    static Comparison run(Bench bench, Scene scene, Sides sides, int starts, int pairs, double seconds) {
        Comparison comparison = new Comparison(scene);
        for (int start = 0; start < starts; start++) {
            try (Contender baton = sides.baton(bench, scene)) {
                // Until its code is compiled.
                baton.run(Math.max(seconds, 4));
                try (Contender peer = sides.peer(bench, scene)) {
                    peer.run(Math.max(seconds, 4));
                    for (int pair = 0; pair < pairs; pair++) {
                        comparison.add(pair % 2 == 0, baton, peer, seconds);
                    }
                }
            }
        }
        return comparison;
    }

    private void add(boolean batonFirst, Contender left, Contender right, double seconds) {
        if (batonFirst) {
            baton.add(left.run(seconds));
            peer.add(right.run(seconds));
        } else {
            peer.add(right.run(seconds));
            baton.add(left.run(seconds));
        }
    }

    Scene scene() {
        return scene;
    }

    List<Sample> baton() {
        return baton;
    }

    List<Sample> peer() {
        return peer;
    }

    /** Baton's median over the peer's. */
    double ratio(ToDoubleFunction<Sample> what) {
        return Spread.of(baton, what).median() / Spread.of(peer, what).median();
    }

    /** The ratios of the pairs one by one. */
    Spread ratios(ToDoubleFunction<Sample> what) {
        List<Double> ratios = new ArrayList<>();
        for (int i = 0; i < baton.size(); i++) {
            ratios.add(what.applyAsDouble(baton.get(i)) / what.applyAsDouble(peer.get(i)));
        }
        return Spread.of(ratios, Double::doubleValue);
    }
}
