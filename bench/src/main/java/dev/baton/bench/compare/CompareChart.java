package dev.baton.bench.compare;

import java.util.List;
import java.util.Locale;

/**
 * The ratios of all scenes as an SVG: a bar from 1, where Baton is what it is compared with, to the ratio of the
 * medians, and a whisker over those of the single pairs. The scale is logarithmic: twice as much is as far as half as
 * much.
 */
final class CompareChart {
    private static final int WIDTH = 900;
    private static final int LEFT = 290;
    private static final int RIGHT = 60;
    private static final int TOP = 84;
    private static final int GAP = 18;
    private static final int ROW = 18;
    private static final int BAR = 14;
    private static final String MORE = "#1b6ca8";
    private static final String LESS = "#e08e1b";
    private static final String SHARE = "#9a9a9a";

    private final StringBuilder svg = new StringBuilder();
    private final double least;
    private final double most;

    private CompareChart(double least, double most) {
        this.least = least;
        this.most = most;
    }

    static String of(List<Comparison> comparisons) {
        double least = 0.5;
        double most = 2;
        for (Comparison comparison : comparisons) {
            for (Side other : comparison.others()) {
                for (Metric metric : comparison.merits(other)) {
                    Spread ratios = comparison.ratios(other, metric);
                    least = Math.min(least, ratios.min());
                    most = Math.max(most, ratios.max());
                }
            }
        }
        CompareChart chart = new CompareChart(least * 0.9, most * 1.1);
        chart.draw(comparisons);
        return chart.svg.toString();
    }

    private static int rows(Comparison comparison) {
        return comparison.others().stream().mapToInt(other -> comparison.merits(other).size()).sum();
    }

    private void draw(List<Comparison> comparisons) {
        int height = TOP + comparisons.stream().mapToInt(comparison -> GAP + ROW + ROW * rows(comparison)).sum() + 40;
        add("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" "
            + "font-size=\"13\">%n", WIDTH, height);
        add("<rect width=\"%d\" height=\"%d\" fill=\"white\"/>%n", WIDTH, height);
        text(10, 24, "start", "Baton over others with the same client in the same run");
        key(10, MORE, "more is better");
        key(150, LESS, "less is better");
        key(290, SHARE, "share of a limit of the machine");
        for (double tick : new double[] {0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50}) {
            if (tick > least && tick < most) {
                line(x(tick), TOP - 6, x(tick), height - 34.0, tick == 1 ? "#444444" : "#dddddd");
                text(x(tick), height - 18.0, "middle", String.format(Locale.ROOT, "%s", tick));
            }
        }
        double y = TOP;
        for (Comparison comparison : comparisons) {
            text(10, y + BAR, "start", comparison.scene().word());
            y += ROW;
            for (Side other : comparison.others()) {
                for (Metric metric : comparison.merits(other)) {
                    bar(y, comparison, other, metric);
                    y += ROW;
                }
            }
            y += GAP;
        }
        svg.append("</svg>\n");
    }

    private void key(double x, String colour, String what) {
        add("<rect x=\"%.1f\" y=\"38\" width=\"14\" height=\"12\" fill=\"%s\"/>%n", x, colour);
        text(x + 20, 49, "start", what);
    }

    private void bar(double y, Comparison comparison, Side other, Metric metric) {
        double ratio = comparison.ratio(other, metric);
        Spread pairs = comparison.ratios(other, metric);
        String colour = other.isLimit() ? SHARE : metric.moreIsBetter() ? MORE : LESS;
        text(LEFT - 10, y + BAR - 2, "end", other.name() + ", " + metric.unit());
        add("<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>%n", Math.min(x(1), x(ratio)), y,
            Math.abs(x(ratio) - x(1)), BAR, colour);
        line(x(pairs.min()), y + BAR / 2.0, x(pairs.max()), y + BAR / 2.0, "#222222");
        text(Math.max(x(1), x(Math.max(ratio, pairs.max()))) + 6, y + BAR - 2, "start",
            String.format(Locale.ROOT, "%.2f", ratio));
    }

    private double x(double ratio) {
        return LEFT + Math.log(ratio / least) / Math.log(most / least) * (WIDTH - LEFT - RIGHT);
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
