package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CompletableFuture;

/** Frames both ways between two guests, by one thread that plays both and never stops to look who owns the datapath. */
final class GuestTraffic implements AutoCloseable {
    final SequencedFrames there = new SequencedFrames();
    final SequencedFrames back = new SequencedFrames();
    private final CompletableFuture<Void> done = new CompletableFuture<>();
    private volatile boolean finishing;
    private volatile boolean stopped;
    private volatile long received;

    GuestTraffic(TestGuest a, TestGuest b) {
        Thread.ofPlatform().daemon().start(() -> play(a, b));
    }

    private void play(TestGuest a, TestGuest b) {
        try {
            while (!stopped && (!finishing || there.received() < there.sent() || back.received() < back.sent())) {
                if (!finishing) {
                    there.send(a, 0, 60);
                    back.send(b, 0, 1000);
                }
                b.receive(0, there);
                a.receive(0, back);
                received = there.received() + back.received();
            }
            done.complete(null);
        } catch (RuntimeException e) {
            done.completeExceptionally(e);
        }
    }

    /** Waits until some more frames have arrived. */
    void awaitProgress() {
        long before = received;
        while (received < before + 100 && !done.isDone()) {
            Thread.onSpinWait();
        }
    }

    /** Sends no more, waits for what is on its way, and checks that every frame came once and in order. */
    void finish() {
        finishing = true;
        done.join();
        assertThat(there.received()).isPositive().isEqualTo(there.sent());
        assertThat(back.received()).isPositive().isEqualTo(back.sent());
        assertThat(there.wrong() + back.wrong()).isZero();
    }

    /** Ends the thread, also when frames are missing; the guests' memory may go afterwards. */
    @Override
    public void close() {
        stopped = true;
        done.handle((nothing, problem) -> "over").join();
    }
}
