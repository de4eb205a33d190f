package dev.baton.bench.handover;

import dev.baton.tools.json.JsonWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.HdrHistogram.Histogram;

/** The results as a table for people and as JSON. */
final class Report {
    private static final double[] PERCENTILES = {0, 50, 90, 99, 99.9, 100};

    private final Options options;
    private final List<ModeResult> results;

    Report(Options options, List<ModeResult> results) {
        this.options = options;
        this.results = List.copyOf(results);
    }

    String load() {
        return String.format(Locale.ROOT, "load: %s, %d queue pair%s, %,d frames/s of %d bytes, both ways",
            options.tap() ? "a guest and a TAP" : "two guests", options.lanes(), options.lanes() == 1 ? "" : "s",
            options.framesPerSecond(), options.frameBytes());
    }

    String table() {
        StringBuilder out = new StringBuilder(load()).append("\n\n");
        out.append(String.format("gap in us: from the old owner's last burst to the new owner's first%n"));
        out.append(row("mode", "handovers", "gaps", "min", "p50", "p90", "p99", "p99.9", "max"));
        for (ModeResult result : results) {
            out.append(row(result.mode(), String.valueOf(result.handovers()), result.all()));
            if (!result.windows().isEmpty()) {
                out.append(row("  undisturbed", "", result.undisturbed()));
                out.append(row("  to 1st frame", "", result.firstFrames()));
            }
            if (!result.brownoutNs().isEmpty()) {
                out.append(row("  brownout", "", result.brownout()));
            }
        }
        out.append(String.format("%n%-14s %12s %8s %10s %10s %8s%n", "frames", "sent", "lost", "duplicated",
            "reordered", "strange"));
        for (ModeResult result : results) {
            FrameCount frames = result.frames();
            if (frames.sent() > 0) {
                out.append(String.format(Locale.ROOT, "%-14s %,12d %8d %10d %10d %8d%n", result.mode(), frames.sent(),
                    frames.lost(), frames.duplicated(), frames.reordered(), frames.strange()));
            }
        }
        out.append(System.lineSeparator());
        for (ModeResult result : results) {
            out.append(String.format("%-14s %s%n", result.mode(), result.what()));
        }
        for (ModeResult result : results) {
            if (!result.windows().isEmpty()) {
                out.append(String.format(Locale.ROOT, "%-14s %.1f involuntary switches of agents a window, stolen time "
                    + "in %d of %d%n", "  " + result.mode(), result.switchesPerWindow(), result.windowsWithSteal(),
                    result.windows().size()));
            }
        }
        out.append(String.format("%-14s %s%n", "undisturbed", "no involuntary context switch of either owner's agents "
            + "and no stolen time while the lanes changed"));
        return out.toString();
    }

    private static String row(String name, String handovers, Histogram gaps) {
        Object[] cells = new Object[PERCENTILES.length + 3];
        cells[0] = name;
        cells[1] = handovers;
        cells[2] = gaps.getTotalCount();
        for (int i = 0; i < PERCENTILES.length; i++) {
            cells[i + 3] = gaps.getTotalCount() == 0 ? "-"
                : String.format(Locale.ROOT, "%,.2f", valueAt(gaps, PERCENTILES[i]) / 1e3);
        }
        return row(cells);
    }

    private static String row(Object... cells) {
        return String.format(Locale.ROOT, "%-14s %9s %9s %11s %11s %11s %11s %11s %11s%n", cells);
    }

    private static long valueAt(Histogram histogram, double percentile) {
        return percentile == 0 ? histogram.getMinValue() : histogram.getValueAtPercentile(percentile);
    }

    String json() {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("lanes", options.lanes());
        tree.put("framesPerSecond", options.framesPerSecond());
        tree.put("frameBytes", options.frameBytes());
        tree.put("cpus", Runtime.getRuntime().availableProcessors());
        List<Object> modes = new ArrayList<>();
        for (ModeResult result : results) {
            Map<String, Object> mode = new LinkedHashMap<>();
            mode.put("mode", result.mode());
            mode.put("what", result.what());
            mode.put("handovers", result.handovers());
            mode.put("laneChanges", result.gaps().size());
            mode.put("gapNs", percentiles(result.all()));
            if (!result.windows().isEmpty()) {
                mode.put("undisturbedGapNs", percentiles(result.undisturbed()));
            }
            mode.put("firstFrameNs", percentiles(result.firstFrames()));
            mode.put("brownoutNs", percentiles(result.brownout()));
            mode.put("switchesPerWindow", result.switchesPerWindow());
            mode.put("windowsWithSteal", result.windowsWithSteal());
            mode.put("frames", frames(result.frames()));
            modes.add(mode);
        }
        tree.put("modes", modes);
        return JsonWriter.pretty(tree);
    }

    private static Map<String, Object> frames(FrameCount frames) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("sent", frames.sent());
        tree.put("lost", frames.lost());
        tree.put("duplicated", frames.duplicated());
        tree.put("reordered", frames.reordered());
        tree.put("strange", frames.strange());
        return tree;
    }

    private static Map<String, Object> percentiles(Histogram histogram) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("count", histogram.getTotalCount());
        if (histogram.getTotalCount() > 0) {
            tree.put("min", histogram.getMinValue());
            for (double percentile : new double[] {50, 90, 99, 99.9}) {
                tree.put("p" + (percentile == (int) percentile ? String.valueOf((int) percentile)
                    : String.valueOf(percentile)), histogram.getValueAtPercentile(percentile));
            }
            tree.put("max", histogram.getMaxValue());
        }
        return tree;
    }
}
