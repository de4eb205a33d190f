package dev.baton.bench.compare;

import java.util.Locale;

/** What is measured of a contender; which of them, that is the scene's. */
enum Metric {
    /** Frames that arrived. */
    FRAMES("million frames/s", 1e6, true),
    /** Time of the back end's core for a frame. */
    CORE("ns a frame", 1, false),
    /**
     * The part of the time in which the client's core moved frames: towards 100 % it is the client that sets the pace.
     */
    CLIENT("client's core, %", 0.01, true),
    /** Bits of a program's data that arrived. */
    BITS("Gbit/s", 1e9, true),
    /** The middle of all round trips of a single frame. */
    P50("p50, us", 1e-6, false),
    /** What one round trip of a hundred takes longer than. */
    P99("p99, us", 1e-6, false);

    private final String unit;
    private final double size;
    private final boolean moreIsBetter;

    Metric(String unit, double size, boolean moreIsBetter) {
        this.unit = unit;
        this.size = size;
        this.moreIsBetter = moreIsBetter;
    }

    /** In words, with the unit. */
    String unit() {
        return unit;
    }

    /** Its name in JSON, where values have units without a prefix: frames/s, bit/s, s, 1; a frame's cost is in ns. */
    String key() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** A value in {@link #unit()}. */
    double inUnits(double value) {
        return value / size;
    }

    boolean moreIsBetter() {
        return moreIsBetter;
    }
}
