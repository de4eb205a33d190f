package dev.baton.tools.clients;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Echo requests out of a namespace, one after the other, until it is stopped. */
final class PingStream implements AutoCloseable {
    private static final Pattern REPLY =
            Pattern.compile("(?m)^\\[(\\d+)\\.(\\d{3})\\d*\\] \\d+ bytes .*icmp_seq=(\\d+) (.*)$");
    private static final Duration LIMIT = Duration.ofMinutes(1);

    private final Child child;

    private PingStream(Child child) {
        this.child = child;
    }

    /**
     * Starts pinging.
     *
     * @param from       where
     * @param address    whom
     * @param intervalMs how often
     */
    static PingStream start(Namespace from, String address, int intervalMs) {
        return new PingStream(Child.start("ping", from.exec("ping", "-n", "-D", "-i",
                String.format(Locale.ROOT, "%.3f", intervalMs / 1000.0), address)));
    }

    /** Waits for an answer that was not there when this was called. */
    void awaitReply() {
        child.await(REPLY, child.mark(), LIMIT);
    }

    /** Ends the stream, after one more answer, and gives what became of it. */
    Report stop() {
        awaitReply();
        child.close();
        return Report.of(child.outputFrom(0));
    }

    @Override
    public void close() {
        child.close();
    }

    /**
     * What became of the requests, from the first one that was answered to the last one.
     *
     * @param replies    when each answer came, milliseconds since 1970
     * @param lost       requests without an answer
     * @param duplicates answers that came again
     * @param reordered  answers that came after the one to a later request
     */
    record Report(List<Long> replies, int lost, int duplicates, int reordered) {
        static Report of(String output) {
            List<Long> times = new ArrayList<>();
            long first = -1;
            long last = -1;
            int unique = 0;
            int duplicates = 0;
            int reordered = 0;
            Matcher matcher = REPLY.matcher(output);
            while (matcher.find()) {
                int wire = Integer.parseInt(matcher.group(3));
                long sequence = last < 0 ? wire : last + (short) (wire - (int) last);
                first = first < 0 ? sequence : Math.min(first, sequence);
                if (matcher.group(4).contains("DUP")) {
                    duplicates++;
                    continue;
                }
                unique++;
                if (sequence < last) {
                    reordered++;
                }
                last = Math.max(last, sequence);
                times.add(Long.parseLong(matcher.group(1)) * 1000 + Long.parseLong(matcher.group(2)));
            }
            return new Report(times, (int) (last - first + 1) - unique, duplicates, reordered);
        }

        /** The longest silence that touches the window, milliseconds. */
        long gapMs(Handovers.Window window) {
            long longest = 0;
            for (int i = 1; i < replies.size(); i++) {
                if (replies.get(i) >= window.fromMs() && replies.get(i - 1) <= window.toMs()) {
                    longest = Math.max(longest, replies.get(i) - replies.get(i - 1));
                }
            }
            return longest;
        }

        /** What there is to tell, the longest silence in each window above all. */
        String describe(List<Handovers.Window> windows) {
            List<Long> sorted = windows.stream().map(this::gapMs).sorted().toList();
            long end = windows.isEmpty() ? replies.getLast() : windows.getFirst().fromMs();
            String text = String.format(Locale.ROOT, "%d answers, %d lost, %d doubled, %d reordered; longest silence"
                    + " %d ms before the first handover", replies.size(), lost, duplicates, reordered,
                    gapMs(new Handovers.Window(replies.getFirst(), end)));
            return sorted.isEmpty() ? text : String.format(Locale.ROOT, "%s, around each of %d: p50 %d ms, max %d ms",
                    text, sorted.size(), sorted.get(sorted.size() / 2), sorted.getLast());
        }
    }
}
