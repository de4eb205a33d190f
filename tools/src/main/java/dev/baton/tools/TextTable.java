package dev.baton.tools;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** A table for a terminal: the columns as wide as their widest cell, numbers to the right. */
final class TextTable {
    private static final String GAP = "  ";

    private final String[] titles;
    private final boolean[] right;
    private final List<String[]> rows = new ArrayList<>();

    /** Columns by their titles; a title that starts with '>' names a column that is aligned to the right. */
    TextTable(String... columns) {
        right = new boolean[columns.length];
        titles = new String[columns.length];
        for (int i = 0; i < columns.length; i++) {
            right[i] = columns[i].startsWith(">");
            titles[i] = right[i] ? columns[i].substring(1) : columns[i];
        }
    }

    TextTable row(Object... cells) {
        if (cells.length != titles.length) {
            throw new IllegalArgumentException(cells.length + " cells for " + titles.length + " columns");
        }
        rows.add(Arrays.stream(cells).map(TextTable::cell).toArray(String[]::new));
        return this;
    }

    private static String cell(Object value) {
        return switch (value) {
            case Long number -> String.format(Locale.ROOT, "%,d", number);
            case Integer number -> String.format(Locale.ROOT, "%,d", number);
            case Double number -> String.format(Locale.ROOT, "%,.1f", number);
            default -> value.toString();
        };
    }

    @Override
    public String toString() {
        int[] widths = Arrays.stream(titles).mapToInt(String::length).toArray();
        for (String[] row : rows) {
            for (int i = 0; i < row.length; i++) {
                widths[i] = Math.max(widths[i], row[i].length());
            }
        }
        StringBuilder out = new StringBuilder();
        line(out, titles, widths);
        rows.forEach(row -> line(out, row, widths));
        return out.toString();
    }

    private void line(StringBuilder out, String[] cells, int[] widths) {
        StringBuilder line = new StringBuilder();
        for (int i = 0; i < cells.length; i++) {
            int pad = widths[i] - cells[i].length();
            if (i > 0) {
                line.append(GAP);
            }
            if (right[i]) {
                line.repeat(' ', pad).append(cells[i]);
            } else {
                line.append(cells[i]).repeat(' ', pad);
            }
        }
        out.append(line.toString().stripTrailing()).append('\n');
    }
}
