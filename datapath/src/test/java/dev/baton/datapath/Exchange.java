package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;

/** Frames that two guests send each other, until all have come. */
final class Exchange {
    private static final long PATIENCE_NS = TimeUnit.SECONDS.toNanos(30);

    private final TestGuest a;
    private final TestGuest b;
    private final SequencedFrames there = new SequencedFrames();
    private final SequencedFrames back = new SequencedFrames();

    Exchange(TestGuest a, TestGuest b) {
        this.a = a;
        this.b = b;
    }

    /** So many more in each direction; fails when none moves any more before all have come. */
    void play(int frames) {
        long until = there.sent() + frames;
        long moved = 0;
        long movedNs = System.nanoTime();
        while (there.sent() < until || there.received() < there.sent() || back.received() < back.sent()) {
            if (there.sent() < until) {
                there.send(a, 0, 60);
                back.send(b, 0, 60);
            }
            b.receive(0, there);
            a.receive(0, back);
            long all = there.sent() + there.received() + back.sent() + back.received();
            if (all != moved) {
                moved = all;
                movedNs = System.nanoTime();
            } else {
                assertThat(System.nanoTime() - movedNs).as("ns without a frame: a sent %d and got %d, b sent %d and got"
                    + " %d", there.sent(), back.received(), back.sent(), there.received()).isLessThan(PATIENCE_NS);
            }
        }
    }

    /** How many were lost, repeated, out of order or damaged. */
    long wrong() {
        return there.wrong() + back.wrong();
    }
}
