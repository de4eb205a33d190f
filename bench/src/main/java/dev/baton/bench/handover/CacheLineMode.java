package dev.baton.bench.handover;

import dev.baton.bench.CacheLine;
import java.util.ArrayList;
import java.util.List;

/** The physical limit: a gap is half a round trip of a {@link CacheLine}, for an owner word has to go one way. */
final class CacheLineMode {
    private static final int WARM_UP = 50_000;

    private CacheLineMode() {
    }

    static ModeResult run(Options options) {
        List<Gap> gaps = new ArrayList<>(options.rounds());
        CacheLine.exchange(WARM_UP, options.rounds(), ns -> gaps.add(new Gap(ns / 2, -1, false)));
        return new ModeResult("limit", "one cache line, one way, core to core", gaps.size(), gaps, FrameCount.NONE,
            List.of(), List.of());
    }
}
