package dev.baton.bench;

import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import dev.baton.ffi.Sched;
import java.util.function.LongConsumer;

/**
 * A physical limit: one cache line goes to and fro between two threads on two CPUs. The time that it takes to read the
 * clock is in it.
 */
public final class CacheLine {
    private CacheLine() {
    }

    /**
     * Lets it go, and waits for the end.
     *
     * @param warmUp  round trips before those that count
     * @param rounds  round trips that count
     * @param roundNs is given each of them, on another thread
     * @throws BenchFailure when there is one CPU only
     */
    public static void exchange(int warmUp, int rounds, LongConsumer roundNs) {
        int[] cpus = Sched.affinity();
        if (cpus.length < 2) {
            throw new BenchFailure("a cache line needs two CPUs to go between");
        }
        try (Mapping memory = Mapping.anonymous(4096)) {
            long word = memory.address();
            int all = warmUp + rounds;
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
                    if (i >= warmUp) {
                        roundNs.accept(ns);
                    }
                }
            });
            join(ask);
            join(answer);
        }
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
