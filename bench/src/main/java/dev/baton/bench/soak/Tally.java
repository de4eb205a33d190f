package dev.baton.bench.soak;

/**
 * Frames of one or several streams, as their senders and receivers count them.
 *
 * @param submitted what senders published
 * @param taken     of these, what their rings gave back
 * @param abandoned of these, what senders left in rings that are gone
 * @param received  what arrived, each counted once
 * @param repeated  what arrived once more
 * @param reordered of those received, what came behind a later one
 * @param damaged   what arrived and is not what was sent
 */
record Tally(long submitted, long taken, long abandoned, long received, long repeated, long reordered, long damaged) {
    static final Tally NONE = new Tally(0, 0, 0, 0, 0, 0, 0);

    Tally plus(Tally other) {
        return new Tally(submitted + other.submitted, taken + other.taken, abandoned + other.abandoned,
            received + other.received, repeated + other.repeated, reordered + other.reordered,
            damaged + other.damaged);
    }

    Tally minus(Tally other) {
        return new Tally(submitted - other.submitted, taken - other.taken, abandoned - other.abandoned,
            received - other.received, repeated - other.repeated, reordered - other.reordered,
            damaged - other.damaged);
    }
}
