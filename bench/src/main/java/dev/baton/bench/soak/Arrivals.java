package dev.baton.bench.soak;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** Whose frames may arrive at one port, and those that belong to nobody. For one thread. */
final class Arrivals {
    private final List<Stream> expected;
    private final boolean pairwise;
    private long strange;

    /**
     * Streams that may arrive.
     *
     * @param expected by the sender's queue pair
     * @param pairwise whether each arrives by the pair that it was sent by
     */
    Arrivals(List<Stream> expected, boolean pairwise) {
        this.expected = expected;
        this.pairwise = pairwise;
    }

    /** A frame has come by this queue pair. */
    void arrived(int pair, long frame, int lengthBytes) {
        Stream stream = lengthBytes < SoakFrame.MIN_BYTES ? null : find(SoakFrame.stream(frame));
        if (stream == null || (pairwise && expected.indexOf(stream) != pair)) {
            strange++;
        } else {
            stream.arrived(frame, lengthBytes);
        }
    }

    private @Nullable Stream find(int id) {
        for (Stream stream : expected) {
            if (stream.id() == id) {
                return stream;
            }
        }
        return null;
    }

    long strange() {
        return strange;
    }
}
