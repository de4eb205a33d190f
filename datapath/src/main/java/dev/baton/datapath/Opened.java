package dev.baton.datapath;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import org.agrona.CloseHelper;

/**
 * What was opened one after the other, to be closed in the opposite order. A constructor that opens several things
 * keeps them here, so that those it has are closed when the next one cannot be had.
 */
final class Opened implements AutoCloseable {
    private final Deque<AutoCloseable> parts = new ArrayDeque<>();

    /** Closes the part with the others; returns it. */
    <T extends AutoCloseable> T add(T part) {
        parts.push(part);
        return part;
    }

    /** Closes all, also when one of them throws. Idempotent. */
    @Override
    public void close() {
        List<AutoCloseable> all = List.copyOf(parts);
        parts.clear();
        CloseHelper.closeAll(all);
    }
}
