package dev.baton.bench.compare;

import dev.baton.tools.json.JsonWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The results as a table for people and as JSON. */
final class CompareReport {
    private final List<Comparison> comparisons;

    CompareReport(List<Comparison> comparisons) {
        this.comparisons = List.copyOf(comparisons);
    }

    String table() {
        StringBuilder out = new StringBuilder();
        for (Comparison comparison : comparisons) {
            out.append(String.format(Locale.ROOT, "%s: %s; %d windows of each%n", comparison.scene().word(),
                comparison.scene().what(), comparison.baton().samples().size()));
            for (Side other : comparison.others()) {
                out.append(row("", "Baton", other.name(), other.isLimit() ? "share" : "ratio", "of single pairs"));
                for (Metric metric : comparison.metrics(other)) {
                    out.append(line(comparison, other, metric));
                }
            }
            out.append(System.lineSeparator());
        }
        return out.toString();
    }

    private static String line(Comparison comparison, Side other, Metric metric) {
        return row(metric.unit(), text(comparison.baton(), metric), text(other, metric),
            String.format(Locale.ROOT, "%.2f", comparison.ratio(other, metric)),
            text(comparison.ratios(other, metric)));
    }

    private static String text(Side side, Metric metric) {
        Spread spread = side.spread(metric);
        return text(new Spread(metric.inUnits(spread.min()), metric.inUnits(spread.median()),
            metric.inUnits(spread.max())));
    }

    private static String text(Spread spread) {
        return String.format(Locale.ROOT, "%.2f (%.2f to %.2f)", spread.median(), spread.min(), spread.max());
    }

    private static String row(String name, String baton, String other, String ratio, String ratios) {
        return String.format("  %-18s %-26s %-26s %-6s %s%n", name, baton, other, ratio, ratios);
    }

    String json() {
        List<Object> scenes = new ArrayList<>();
        for (Comparison comparison : comparisons) {
            Map<String, Object> scene = new LinkedHashMap<>();
            scene.put("scene", comparison.scene().word());
            scene.put("what", comparison.scene().what());
            scene.put("baton", windows(comparison.baton()));
            List<Object> others = new ArrayList<>();
            comparison.others().forEach(other -> others.add(other(comparison, other)));
            scene.put("others", others);
            scenes.add(scene);
        }
        return JsonWriter.pretty(Map.of("scenes", scenes));
    }

    private static Map<String, Object> other(Comparison comparison, Side other) {
        Map<String, Object> ratios = new LinkedHashMap<>();
        for (Metric metric : comparison.metrics(other)) {
            ratios.put(metric.key(), comparison.ratio(other, metric));
        }
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("name", other.name());
        tree.put("limit", other.isLimit());
        tree.put(other.isLimit() ? "shares" : "ratios", ratios);
        tree.put("windows", windows(other));
        return tree;
    }

    private static List<Object> windows(Side side) {
        List<Object> tree = new ArrayList<>();
        for (Sample sample : side.samples()) {
            Map<String, Object> window = new LinkedHashMap<>();
            sample.metrics().forEach(metric -> window.put(metric.key(), sample.value(metric)));
            tree.add(window);
        }
        return tree;
    }
}
