package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CompletableFuture;

/** Frames both ways between two in-memory ports, by one thread that plays both; the bystanders of a test. */
final class MemoryTraffic {
    private static final int PROGRESS = 200;

    private final SequencedFrames there = new SequencedFrames();
    private final SequencedFrames back = new SequencedFrames();
    private final CompletableFuture<Void> done = new CompletableFuture<>();
    private volatile boolean finishing;
    private volatile long received;

    MemoryTraffic(MemoryDriver a, MemoryDriver b) {
        Thread.ofPlatform().daemon().start(() -> play(a, b));
    }

    private void play(MemoryDriver a, MemoryDriver b) {
        try {
            while (!finishing || there.received() < there.sent() || back.received() < back.sent()) {
                if (!finishing) {
                    there.send(a, 60);
                    back.send(b, 1000);
                }
                b.receive(there, 64);
                a.receive(back, 64);
                received = there.received() + back.received();
                Thread.onSpinWait();
            }
            done.complete(null);
        } catch (RuntimeException e) {
            done.completeExceptionally(e);
        }
    }

    /** Waits until some more frames have arrived. */
    void awaitProgress() {
        long before = received;
        while (received < before + PROGRESS && !done.isDone()) {
            Thread.onSpinWait();
        }
    }

    /** Sends no more, waits for what is on its way, and checks that every frame came once, whole and in order. */
    void finish() {
        finishing = true;
        done.join();
        assertThat(there.received()).isPositive().isEqualTo(there.sent());
        assertThat(back.received()).isPositive().isEqualTo(back.sent());
        assertThat(there.wrong() + back.wrong()).isZero();
    }
}
