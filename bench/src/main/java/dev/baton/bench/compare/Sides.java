package dev.baton.bench.compare;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Who is compared.
 *
 * @param launcher this checkout's {@code baton} script
 * @param against  that of another checkout; null: DPDK's testpmd is the peer
 */
record Sides(Path launcher, @Nullable Path against) {
    /** What the peer is called in a report. */
    String peerName() {
        return against == null ? "testpmd" : "other Baton";
    }

    Contender baton(Bench bench, Scene scene) {
        return Contender.baton(launcher, "baton", bench, scene);
    }

    /** The other side, as warm as it gets. */
    Contender peer(Bench bench, Scene scene) {
        return against == null ? Contender.testpmd("peer", bench, scene)
            : Contender.baton(against, "peer", bench, scene);
    }
}
