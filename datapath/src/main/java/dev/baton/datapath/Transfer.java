package dev.baton.datapath;

import dev.baton.ffi.Fd;
import dev.baton.virtqueue.ChainBurst;
import dev.baton.virtqueue.Virtqueue;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Moves frames one way between two queues. Six final classes, one for each pair of kinds of end; an agent calls each
 * once per duty cycle, so a frame never costs an interface call.
 */
sealed interface Transfer permits VirtqueueToVirtqueue, VirtqueueToTap, VirtqueueToNull, TapToVirtqueue, TapToTap,
    NullToVirtqueue {
    /** Frames moved or handled at most per duty cycle where each is a call of the kernel: so many calls. */
    int BURST = 32;
    /**
     * Frames of the longest burst of any transfer. Between virtqueues a burst costs some cache lines that both sides
     * write, the indices, whatever its length: a frame of 128 costs an eighth less than one of 32.
     */
    int MAX_BURST = Datapath.LONGEST_BURST;
    /** A burst is a quarter of a ring at most: the other side shall find room while the burst is on its way. */
    int RING_SHARE = 4;

    /** Frames of the longest burst from or to a virtqueue that is not limited by calls of the kernel. */
    static int longestBurst(Virtqueue queue) {
        return Math.clamp(queue.size() / RING_SHARE, 1, MAX_BURST);
    }

    /**
     * Moves at most one burst; returns the frames that were taken from the source.
     *
     * @param scratch the agent's, for the chains of one burst
     */
    int doBurst(ChainBurst scratch);

    /** Its agent will be another one soon, whose thread calls this: what is dear the first time, is done now. */
    default void expect() {
    }

    /** Its queues have a new owner: takes up what the old one left in the baton. */
    default void resume() {
    }

    /** Asks to be woken when there is work again; returns true when there is work already. */
    boolean armWakeups();

    /** Ends what {@link #armWakeups()} began. */
    void disarmWakeups();

    /**
     * The virtqueue end that is all it waits for: while that has nothing, no burst does anything. Null when that is not
     * all.
     */
    default @Nullable VirtqueueEnd awaitedSource() {
        return null;
    }

    /** Whether its TAP queue, read until it had nothing, is all that it waits for. */
    default boolean awaitsTap() {
        return false;
    }

    /** The TAP queue's descriptor when the source is a device end, else null. */
    default @Nullable Fd tapInput() {
        return null;
    }

    /** The memory ends whose kicks can mean work. */
    default List<VirtqueueEnd> virtqueueEnds() {
        return List.of();
    }

    /** Frees memory of its own; called when no agent runs it any more. */
    default void release() {
    }
}
