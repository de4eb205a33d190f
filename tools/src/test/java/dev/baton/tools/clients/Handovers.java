package dev.baton.tools.clients;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** How many handovers in a row a test makes, and when each of them was. */
final class Handovers implements AutoCloseable {
    /** {@code BATON_TAKEOVERS} in the environment, else few enough for CI. */
    static final int COUNT = Integer.parseInt(System.getenv().getOrDefault("BATON_TAKEOVERS", "3"));

    private static final Pattern BLACKOUT = Pattern.compile("blackout .*max ([0-9.]+) us");

    private final List<Window> windows = new ArrayList<>();
    /** As the new owners printed them: the longest of each one's lanes, microseconds. */
    private final List<Double> blackoutsUs = new ArrayList<>();
    private BatonProcess active;

    Handovers(BatonProcess first) {
        active = first;
    }

    /**
     * When a handover was.
     *
     * @param fromMs before it began, milliseconds since 1970
     * @param toMs   after it was over
     */
    record Window(long fromMs, long toMs) {
    }

    List<Window> windows() {
        return List.copyOf(windows);
    }

    /** The Baton that owns the datapath now. */
    BatonProcess active() {
        return active;
    }

    /** Has a new process take over from the active one, which must end with status 0. */
    void takeOver() {
        long from = System.currentTimeMillis();
        active = active.takeOver();
        over(from);
    }

    /** Kills the active one, in no order whatsoever; the standby must own the datapath then. */
    void kill(BatonProcess standby) {
        long from = System.currentTimeMillis();
        active.kill();
        active = standby;
        standby.awaitOwner();
        over(from);
    }

    private void over(long fromMs) {
        windows.add(new Window(fromMs, System.currentTimeMillis()));
        Matcher matcher = BLACKOUT.matcher(active.output());
        if (matcher.find()) {
            blackoutsUs.add(Double.valueOf(matcher.group(1)));
        }
    }

    /** How many there were, and the blackouts that the new owners told. */
    String describe() {
        List<Double> sorted = blackoutsUs.stream().sorted().toList();
        return sorted.isEmpty() ? windows.size() + " handovers" : String.format(Locale.ROOT,
                "%d handovers, blackout (of the slowest lane, as told): p50 %.1f us, max %.1f us", windows.size(),
                sorted.get(sorted.size() / 2), sorted.getLast());
    }

    @Override
    public void close() {
        active.close();
    }
}
