package dev.baton.bench.compare;

import dev.baton.tools.json.JsonWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/** The results as a table for people and as JSON. */
final class CompareReport {
    private static final double MILLION = 1e6;

    private final String peer;
    private final List<Comparison> comparisons;

    CompareReport(String peer, List<Comparison> comparisons) {
        this.peer = peer;
        this.comparisons = List.copyOf(comparisons);
    }

    String table() {
        StringBuilder out = new StringBuilder();
        for (Comparison comparison : comparisons) {
            out.append(String.format(Locale.ROOT, "%s: %s; %d pairs of windows%n", comparison.scene().word(),
                comparison.scene().what(), comparison.baton().size()));
            out.append(row("", "Baton", peer, "ratio", "of single pairs"));
            out.append(line("million frames/s", comparison, Sample::framesPerSecond, MILLION));
            out.append(line("ns a frame", comparison, Sample::nsPerFrame, 1));
            out.append(System.lineSeparator());
        }
        return out.toString();
    }

    private static String line(String name, Comparison comparison, ToDoubleFunction<Sample> what, double unit) {
        return row(name, text(Spread.of(comparison.baton(), what), unit),
            text(Spread.of(comparison.peer(), what), unit),
            String.format(Locale.ROOT, "%.2f", comparison.ratio(what)), text(comparison.ratios(what), 1));
    }

    private static String text(Spread spread, double unit) {
        return String.format(Locale.ROOT, "%.2f (%.2f to %.2f)", spread.median() / unit, spread.min() / unit,
            spread.max() / unit);
    }

    private static String row(String name, String baton, String peer, String ratio, String ratios) {
        return String.format("  %-18s %-26s %-26s %-6s %s%n", name, baton, peer, ratio, ratios);
    }

    String json() {
        List<Object> scenes = new ArrayList<>();
        for (Comparison comparison : comparisons) {
            Map<String, Object> scene = new LinkedHashMap<>();
            scene.put("scene", comparison.scene().word());
            scene.put("what", comparison.scene().what());
            scene.put("frameRatio", comparison.ratio(Sample::framesPerSecond));
            scene.put("costRatio", comparison.ratio(Sample::nsPerFrame));
            scene.put("baton", samples(comparison.baton()));
            scene.put("peer", samples(comparison.peer()));
            scenes.add(scene);
        }
        return JsonWriter.pretty(Map.of("peer", peer, "scenes", scenes));
    }

    private static List<Object> samples(List<Sample> samples) {
        List<Object> tree = new ArrayList<>();
        for (Sample sample : samples) {
            Map<String, Object> window = new LinkedHashMap<>();
            window.put("framesPerSecond", Math.round(sample.framesPerSecond()));
            window.put("nsPerFrame", sample.nsPerFrame());
            tree.add(window);
        }
        return tree;
    }
}
