package dev.baton.bench.soak;

/**
 * Frames of one or several streams, as their senders and receivers count them.
 *
 * @param submitted what senders published
 * @param taken     of these, what their rings gave back
 * @param abandoned of these, what senders left in rings that are gone
 * @param received  what arrived, in whole or in part, each counted once
 * @param repeated  what arrived once more
 * @param reordered of those received, what came behind a later one
 * @param damaged   what arrived and is not what was sent
 * @param pieces    what arrived of a frame that was cut, beside the one that it is counted by
 * @param missing   pieces that did not arrive of frames of which some did
 * @param changed   what arrived cut, or with its checksum filled in, that was sent otherwise
 * @param joined    of those received and repeated, what arrived as one with others
 * @param runs      what these arrived as
 */
record Tally(long submitted, long taken, long abandoned, long received, long repeated, long reordered, long damaged,
             long pieces, long missing, long changed, long joined, long runs) {
    static final Tally NONE = new Tally(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

    /** Of frames that nobody numbers. */
    static Tally of(long sent, long received, long damaged) {
        return new Tally(sent, sent, 0, received, 0, 0, damaged, 0, 0, 0, 0, 0);
    }

    /** What was sent of these, and so many received by one who cannot tell them apart. */
    Tally sent(long nowReceived) {
        return new Tally(submitted, taken, abandoned, nowReceived, 0, 0, 0, 0, 0, 0, 0, 0);
    }

    /** All that has come to the receiver. */
    long arrived() {
        return received + repeated + pieces;
    }

    Tally plus(Tally other) {
        return new Tally(submitted + other.submitted, taken + other.taken, abandoned + other.abandoned,
            received + other.received, repeated + other.repeated, reordered + other.reordered,
            damaged + other.damaged, pieces + other.pieces, missing + other.missing, changed + other.changed,
            joined + other.joined, runs + other.runs);
    }

    Tally minus(Tally other) {
        return plus(new Tally(-other.submitted, -other.taken, -other.abandoned, -other.received, -other.repeated,
            -other.reordered, -other.damaged, -other.pieces, -other.missing, -other.changed, -other.joined,
            -other.runs));
    }
}
