package dev.baton.bench.compare;

import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;

/**
 * The ratios of all scenes as an SVG: a bar to the ratio of the medians, and a whisker over those of the single pairs.
 * The line at 1 is the peer.
 */
final class CompareChart {
    private static final int WIDTH = 900;
    private static final int LEFT = 130;
    private static final int RIGHT = 60;
    private static final int TOP = 70;
    private static final int ROW = 52;
    private static final int BAR = 14;
    private static final String FRAMES = "#1b6ca8";
    private static final String COST = "#e08e1b";

    private final StringBuilder svg = new StringBuilder();
    private final String peer;
    private final double most;

    private CompareChart(String peer, double most) {
        this.peer = peer;
        this.most = most;
    }

    static String of(String peer, List<Comparison> comparisons) {
        double most = 1;
        for (Comparison comparison : comparisons) {
            most = Math.max(most, Math.max(comparison.ratios(Sample::framesPerSecond).max(),
                comparison.ratios(Sample::nsPerFrame).max()));
        }
        CompareChart chart = new CompareChart(peer, most * 1.05);
        chart.draw(comparisons);
        return chart.svg.toString();
    }

    private void draw(List<Comparison> comparisons) {
        int height = TOP + ROW * comparisons.size() + 40;
        add("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" "
            + "font-size=\"13\">%n", WIDTH, height);
        add("<rect width=\"%d\" height=\"%d\" fill=\"white\"/>%n", WIDTH, height);
        text(LEFT, 24, "start", "Baton over " + peer + ", the same client, in one run");
        key(LEFT, FRAMES, "frames per second: more is better");
        key(LEFT + 300, COST, "time of the core a frame: less is better");
        for (double tick = 0; tick <= most; tick += 0.5) {
            line(x(tick), TOP - 6, x(tick), height - 34.0, tick == 1 ? "#444444" : "#dddddd");
            text(x(tick), height - 18.0, "middle", String.format(Locale.ROOT, "%.1f", tick));
        }
        for (int i = 0; i < comparisons.size(); i++) {
            Comparison comparison = comparisons.get(i);
            double y = TOP + ROW * i + 4.0;
            text(LEFT - 10, y + BAR + 4, "end", comparison.scene().word());
            bar(y, FRAMES, comparison, Sample::framesPerSecond);
            bar(y + BAR + 4, COST, comparison, Sample::nsPerFrame);
        }
        svg.append("</svg>\n");
    }

    private void key(double x, String colour, String what) {
        add("<rect x=\"%.1f\" y=\"38\" width=\"14\" height=\"12\" fill=\"%s\"/>%n", x, colour);
        text(x + 20, 49, "start", what);
    }

    private void bar(double y, String colour, Comparison comparison, ToDoubleFunction<Sample> what) {
        double ratio = comparison.ratio(what);
        Spread pairs = comparison.ratios(what);
        add("<rect x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>%n", LEFT, y, x(ratio) - LEFT, BAR,
            colour);
        line(x(pairs.min()), y + BAR / 2.0, x(pairs.max()), y + BAR / 2.0, "#222222");
        text(x(Math.max(ratio, pairs.max())) + 6, y + BAR - 2, "start", String.format(Locale.ROOT, "%.2f", ratio));
    }

    private double x(double ratio) {
        return LEFT + ratio / most * (WIDTH - LEFT - RIGHT);
    }

    private void line(double x1, double y1, double x2, double y2, String colour) {
        add("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>%n", x1, y1, x2, y2, colour);
    }

    private void text(double x, double y, String anchor, String text) {
        add("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>%n", x, y, anchor, text);
    }

    @SuppressWarnings("AnnotateFormatMethod")
    private void add(String format, Object... arguments) {
        svg.append(String.format(Locale.ROOT, format, arguments));
    }
}
