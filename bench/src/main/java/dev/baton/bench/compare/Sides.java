package dev.baton.bench.compare;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Who is compared.
 *
 * @param launcher this checkout's {@code baton} script
 * @param against  that of another checkout, which is the only peer then; null: the peers are DPDK's testpmd and others
 */
record Sides(Path launcher, @Nullable Path against) {
    /** What the peer is called in a report that is not one of the scene's own. */
    String peerName() {
        return against == null ? "testpmd" : "other Baton";
    }
}
