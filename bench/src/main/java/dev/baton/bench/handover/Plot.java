package dev.baton.bench.handover;

import java.util.List;
import java.util.Locale;
import org.HdrHistogram.Histogram;

/**
 * The gaps of all modes over their percentiles, as an SVG: the higher percentiles stretched as in HdrHistogram's own
 * plots, the gap on a logarithmic axis.
 */
@SuppressWarnings({"LongDoubleConversion", "AnnotateFormatMethod"}) // a picture: pixels are coarser than that
final class Plot {
    private static final int WIDTH = 900;
    private static final int HEIGHT = 520;
    private static final int LEFT = 80;
    private static final int RIGHT = 150;
    private static final int TOP = 50;
    private static final int BOTTOM = 60;
    private static final double[] TICKS = {0, 50, 90, 99, 99.9, 99.99};
    private static final double TOP_NINES = 4;
    private static final int STEPS = 200;
    private static final String[] COLOURS = {"#1b6ca8", "#d1495b", "#2e933c", "#8e6c8a", "#e08e1b", "#444444",
        "#2a9d9d"};
    private static final String[] UNITS = {"1 ns", "10 ns", "100 ns", "1 µs", "10 µs", "100 µs", "1 ms", "10 ms",
        "100 ms", "1 s", "10 s"};

    private final StringBuilder svg = new StringBuilder();
    private final int lowest;
    private final int highest;

    private Plot(int lowest, int highest) {
        this.lowest = lowest;
        this.highest = highest;
    }

    static String of(String title, List<ModeResult> results) {
        long least = results.stream().mapToLong(result -> result.all().getMinValue()).min().orElse(1);
        long most = results.stream().mapToLong(result -> result.all().getMaxValue()).max().orElse(1);
        Plot plot = new Plot((int) Math.floor(Math.log10(Math.max(1, least))),
            Math.min(UNITS.length - 1, (int) Math.ceil(Math.log10(Math.max(10, most)))));
        plot.frame(title);
        for (int i = 0; i < results.size(); i++) {
            plot.curve(results.get(i).all(), results.get(i).mode(), COLOURS[i % COLOURS.length], i);
        }
        return plot.svg.append("</svg>\n").toString();
    }

    private void frame(String title) {
        add("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" "
            + "font-size=\"13\">%n", WIDTH, HEIGHT);
        add("<rect width=\"%d\" height=\"%d\" fill=\"white\"/>%n", WIDTH, HEIGHT);
        text(LEFT, TOP - 20, "start", title);
        for (int decade = lowest; decade <= highest; decade++) {
            double y = y(Math.pow(10, decade));
            line(LEFT, y, WIDTH - RIGHT, y);
            text(LEFT - 8, y + 4, "end", UNITS[decade]);
        }
        for (double tick : TICKS) {
            double x = x(tick);
            line(x, TOP, x, HEIGHT - BOTTOM);
            text(x, HEIGHT - BOTTOM + 20, "middle", (tick == (int) tick ? String.valueOf((int) tick)
                : String.valueOf(tick)) + " %");
        }
        text((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 15, "middle", "percentile of the gaps");
    }

    private void curve(Histogram gaps, String name, String colour, int index) {
        StringBuilder points = new StringBuilder();
        // A percentile that fewer than one gap lies beyond says nothing more than the maximum does.
        double nines = Math.min(TOP_NINES, Math.log10(Math.max(1, gaps.getTotalCount())));
        for (int i = 0; i <= STEPS; i++) {
            double percentile = 100 - 100 * Math.pow(10, -nines * i / STEPS);
            long value = percentile == 0 ? gaps.getMinValue() : gaps.getValueAtPercentile(percentile);
            points.append(String.format(Locale.ROOT, "%.1f,%.1f ", x(percentile), y(value)));
        }
        add("<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"%s\"/>%n", colour, points);
        double y = TOP + 20.0 * index + 10;
        add("<rect x=\"%d\" y=\"%.1f\" width=\"18\" height=\"4\" fill=\"%s\"/>%n", WIDTH - RIGHT + 15, y - 6, colour);
        text(WIDTH - RIGHT + 40, y, "start", name);
    }

    private static double x(double percentile) {
        double nines = Math.min(TOP_NINES, -Math.log10(1 - percentile / 100));
        return LEFT + nines / TOP_NINES * (WIDTH - LEFT - RIGHT);
    }

    private double y(double ns) {
        double decade = Math.log10(Math.max(1, ns));
        return HEIGHT - BOTTOM - (decade - lowest) / (highest - lowest) * (HEIGHT - TOP - BOTTOM);
    }

    private void line(double x1, double y1, double x2, double y2) {
        add("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#dddddd\"/>%n", x1, y1, x2, y2);
    }

    private void text(double x, double y, String anchor, String text) {
        add("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>%n", x, y, anchor, text);
    }

    private void add(String format, Object... arguments) {
        svg.append(String.format(Locale.ROOT, format, arguments));
    }
}
