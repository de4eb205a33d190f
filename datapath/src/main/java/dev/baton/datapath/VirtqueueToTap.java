package dev.baton.datapath;

import dev.baton.tap.TapQueue;
import dev.baton.virtqueue.ChainBurst;
import dev.baton.virtqueue.SplitVirtqueue;
import dev.baton.virtqueue.VirtioNetHeader;
import java.util.List;

/** Guest to TAP without a copy of ours: the kernel reads each frame, header included, straight from guest memory. */
final class VirtqueueToTap implements Transfer {
    private final VirtqueueEnd source;
    private final TapQueue target;
    private final QueueCounters targetCounters;
    private boolean blocked;

    VirtqueueToTap(VirtqueueEnd source, TapQueue target, QueueCounters targetCounters) {
        this.source = source;
        this.target = target;
        this.targetCounters = targetCounters;
    }

    @Override
    public int doBurst(ChainBurst burst) {
        SplitVirtqueue queue = source.queue();
        if (queue == null) {
            return 0;
        }
        int count = queue.fetchReadable(burst, BURST);
        if (count == 0) {
            source.checkFault(queue);
            return 0;
        }
        return source.enabled() ? forward(queue, burst, count) : source.discard(queue, burst, count);
    }

    private int forward(SplitVirtqueue queue, ChainBurst burst, int count) {
        int taken = 0;
        int written = 0;
        long takenBytes = 0;
        long writtenBytes = 0;
        blocked = false;
        while (taken < count) {
            int length = burst.lengthBytes(taken) - VirtioNetHeader.LENGTH;
            long result = write(burst, taken);
            if (result > 0) {
                written++;
                writtenBytes += length;
            } else if (TapDrops.later(result)) {
                blocked = true;
                break;
            } else {
                targetCounters.txDrop(TapDrops.reason(result), 1);
            }
            takenBytes += length;
            queue.use(burst.head(taken), 0);
            taken++;
        }
        if (taken > 0) {
            source.counters().received(taken, takenBytes);
        }
        if (written > 0) {
            targetCounters.transmitted(written, writtenBytes);
        }
        source.publish(queue);
        return taken;
    }

    /** Most frames are one segment, which is cheaper to give without a list. */
    private long write(ChainBurst burst, int chain) {
        int segment = burst.firstSegment(chain);
        int count = burst.segmentCount(chain);
        return count == 1 ? target.write(burst.segmentBase(segment), burst.segmentLength(segment))
            : target.writev(burst.segments().address(segment), count);
    }

    @Override
    public boolean armWakeups() {
        SplitVirtqueue queue = source.queue();
        // A TAP whose send buffer is full gives no edge to wait for; that is rare and short: keep polling.
        return queue != null && (queue.enableNotifications() || blocked);
    }

    @Override
    public void disarmWakeups() {
        SplitVirtqueue queue = source.queue();
        if (queue != null) {
            queue.disableNotifications();
        }
    }

    @Override
    public List<VirtqueueEnd> virtqueueEnds() {
        return List.of(source);
    }
}
