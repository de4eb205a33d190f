package dev.baton.bench.soak;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** What has happened, with its time, for who has to find out why a run failed. For all threads. */
final class History {
    private static final int KEPT = 4000;

    private final long startNs = System.nanoTime();
    private final Deque<Line> lines = new ArrayDeque<>();
    private final Map<EventKind, Integer> counts = new EnumMap<>(EventKind.class);
    private final boolean verbose;
    private boolean closed;

    private record Line(long atNs, String text) {
    }

    /** A history that is printed as it is written, if it is to be verbose. */
    History(boolean verbose) {
        this.verbose = verbose;
    }

    /** An event begins. */
    synchronized void event(String who, EventKind kind, String details) {
        counts.merge(kind, 1, Integer::sum);
        note(who, kind.word() + (details.isEmpty() ? "" : ": " + details));
    }

    synchronized void note(String who, String text) {
        if (closed) {
            return;
        }
        Line line = new Line(System.nanoTime() - startNs, who + ": " + text);
        lines.add(line);
        if (lines.size() > KEPT) {
            lines.remove();
        }
        if (verbose) {
            System.err.println(print(line));
        }
    }

    private static String print(Line line) {
        return String.format(Locale.ROOT, "%9.3f %s", line.atNs / 1e9, line.text);
    }

    /** What happens from now on is of no interest: all is being taken apart. */
    synchronized void close() {
        closed = true;
    }

    /** How often each kind of event has happened. */
    synchronized Map<EventKind, Integer> counts() {
        return new EnumMap<>(counts);
    }

    /** The lines of the last seconds. */
    synchronized List<String> last(int seconds) {
        long fromNs = (lines.isEmpty() ? 0 : lines.getLast().atNs) - TimeUnit.SECONDS.toNanos(seconds);
        return lines.stream().filter(line -> line.atNs >= fromNs).map(History::print).toList();
    }
}
