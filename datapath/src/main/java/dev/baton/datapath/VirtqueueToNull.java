package dev.baton.datapath;

import dev.baton.virtqueue.ChainBurst;
import dev.baton.virtqueue.Virtqueue;
import java.util.List;

/**
 * Guest to nowhere: chains are walked, counted and given back. Not one byte of a frame is looked at, so none of its
 * cache lines moves; every chain counts as a frame, whatever is in it.
 */
final class VirtqueueToNull implements Transfer {
    private final VirtqueueEnd source;
    private final QueueCounters targetCounters;

    VirtqueueToNull(VirtqueueEnd source, QueueCounters targetCounters) {
        this.source = source;
        this.targetCounters = targetCounters;
    }

    @Override
    public int doBurst(ChainBurst burst) {
        Virtqueue queue = source.queue();
        if (queue == null) {
            return 0;
        }
        int count = queue.fetchReadable(burst, Transfer.longestBurst(queue));
        if (count == 0) {
            source.checkFault(queue);
            return 0;
        }
        return source.enabled() ? drop(queue, burst, count) : source.discard(queue, burst, count);
    }

    private int drop(Virtqueue queue, ChainBurst burst, int count) {
        long bytes = burst.totalBytes() - (long) count * source.headerBytes();
        queue.use(burst, 0, count);
        source.counters().received(count, bytes);
        targetCounters.transmitted(count, bytes);
        source.publish(queue);
        return count;
    }

    @Override
    public VirtqueueEnd awaitedSource() {
        return source;
    }

    @Override
    public boolean armWakeups() {
        Virtqueue queue = source.queue();
        return queue != null && queue.enableNotifications();
    }

    @Override
    public void disarmWakeups() {
        Virtqueue queue = source.queue();
        if (queue != null) {
            queue.disableNotifications();
        }
    }

    @Override
    public List<VirtqueueEnd> virtqueueEnds() {
        return List.of(source);
    }
}
