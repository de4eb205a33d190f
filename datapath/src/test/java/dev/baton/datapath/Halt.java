package dev.baton.datapath;

import dev.baton.handover.Edge;
import dev.baton.handover.HandoverFaults;
import java.util.concurrent.CountDownLatch;

/** Stops a side at an edge, as a process that was stopped or that swaps, and lets it go on later. */
final class Halt implements HandoverFaults {
    private final Edge edge;
    private final CountDownLatch reached = new CountDownLatch(1);
    private final CountDownLatch released = new CountDownLatch(1);

    Halt(Edge edge) {
        this.edge = edge;
    }

    @Override
    public void at(Edge passed) {
        if (passed == edge) {
            reached.countDown();
            await(released);
        }
    }

    /** Waits until the side stands at the edge. */
    void awaitReached() {
        await(reached);
    }

    void release() {
        released.countDown();
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
