package dev.baton.bench.handover;

import dev.baton.bench.BenchFailure;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import dev.baton.ffi.Sched;
import java.util.ArrayList;
import java.util.List;

/**
 * The physical limit: one cache line goes to and fro between two threads on two CPUs. A gap is half a round trip, for
 * an owner word has to go one way; the time that it takes to read the clock is in it.
 */
final class CacheLineMode {
    private static final int WARM_UP = 50_000;

    private CacheLineMode() {
    }

    static ModeResult run(Options options) {
        int[] cpus = Sched.affinity();
        if (cpus.length < 2) {
            throw new BenchFailure("mode limit needs two CPUs");
        }
        List<Gap> gaps = new ArrayList<>(options.rounds());
        try (Mapping memory = Mapping.anonymous(4096)) {
            long word = memory.address();
            int all = WARM_UP + options.rounds();
            Thread answer = Thread.ofPlatform().daemon().name("line-b").start(() -> {
                Sched.setAffinity(cpus[1]);
                for (long i = 0; i < all; i++) {
                    await(word, 2 * i + 1);
                    RawMemory.putLongRelease(word, 2 * i + 2);
                }
            });
            Thread ask = Thread.ofPlatform().daemon().name("line-a").start(() -> {
                Sched.setAffinity(cpus[0]);
                for (long i = 0; i < all; i++) {
                    long beganNs = System.nanoTime();
                    RawMemory.putLongRelease(word, 2 * i + 1);
                    await(word, 2 * i + 2);
                    long ns = System.nanoTime() - beganNs;
                    if (i >= WARM_UP) {
                        gaps.add(new Gap(ns / 2, -1, false));
                    }
                }
            });
            join(ask);
            join(answer);
        }
        return new ModeResult("limit", "one cache line, one way, core to core", gaps.size(), gaps, FrameCount.NONE,
            List.of(), List.of());
    }

    private static void await(long word, long value) {
        while (RawMemory.getLongAcquire(word) != value) {
            Thread.onSpinWait();
        }
    }

    private static void join(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BenchFailure("interrupted", e);
        }
    }
}
