package dev.baton.datapath;

import dev.baton.ffi.RawMemory;
import dev.baton.virtqueue.ChainBurst;
import dev.baton.virtqueue.Virtqueue;
import java.util.List;

/**
 * One frame again and again into a guest's receive buffers, as many as the guest has of them.
 *
 * <p>Theory of operation: there is always a frame, so what sets the pace is the guest. Buffers of one segment that hold
 * the frame, which are most, are filled in a run: first they are looked up, then all are written, then all are used,
 * so that the misses of a run overlap. Any other way a frame can lie, over several segments or several mergeable
 * chains, is taken one by one. Without buffers the transfer waits for the guest's kick.
 *
 * <p>A guest that is slower than this gives its buffers back a few at a time, and as long as every few are filled at
 * once it gets frames a few at a time: the lines of the indices would go to and fro for each of them. So after a burst
 * that took the last buffer the queue is not looked at for {@value #REST_NS} ns.
 *
 * <p>A frame that the guest has no place for, not in all buffers that it can offer for one, is dropped as too long:
 * once for each start of the queue, because the next one would be dropped as well, as fast as the agent can count.
 */
final class NullToVirtqueue implements Transfer {
    /** Up to here a copy by the JVM's own routine costs more than the stores. */
    private static final int SHORT_BYTES = 140;
    /** About as long as a guest takes for a burst. */
    private static final long REST_NS = 4_000;
    private static final long NEVER = -1;

    private final QueueCounters sourceCounters;
    private final VirtqueueEnd target;
    private final ReceiveWindow window;
    private final NullFrame source;
    private final long[] places = new long[MAX_BURST];
    /** Address and length of the frame, with the virtio-net header that the present guest has. */
    private long frame;
    private int lengthBytes;
    private long refusedGeneration = NEVER;
    private boolean starved;
    private long starvedNs;

    /**
     * A transfer that sends this frame, or nothing.
     *
     * @param frame outlives the transfer
     */
    NullToVirtqueue(NullFrame frame, QueueCounters sourceCounters, VirtqueueEnd target) {
        this.source = frame;
        this.sourceCounters = sourceCounters;
        this.target = target;
        this.window = target.window();
    }

    @Override
    public int doBurst(ChainBurst scratch) {
        Virtqueue queue = target.queue();
        int headerBytes = target.headerBytes();
        lengthBytes = source.lengthBytes(headerBytes);
        if (lengthBytes == 0 || queue == null || !target.enabled()) {
            return 0;
        }
        frame = source.address(headerBytes);
        if (starved && System.nanoTime() - starvedNs < REST_NS) {
            return 0;
        }
        int sent = send(queue, Transfer.longestBurst(queue));
        if (starved) {
            starvedNs = System.nanoTime();
        }
        if (sent > 0) {
            long bytes = (long) sent * (lengthBytes - headerBytes);
            sourceCounters.received(sent, bytes);
            target.counters().transmitted(sent, bytes);
            target.publish(queue);
        }
        return sent;
    }

    private int send(Virtqueue queue, int limit) {
        int sent = 0;
        int frames = 1;
        while (sent < limit && frames > 0 && window.offer(queue, 1)) {
            frames = sendRun(queue, limit - sent);
            if (frames == 0 && sendOne(queue)) {
                frames = 1;
            }
            sent += frames;
        }
        starved = sent < limit;
        return sent;
    }

    /** Fills the next buffers that are one segment each and long enough; returns how many. */
    private int sendRun(Virtqueue queue, int limit) {
        int run = 0;
        int plain = Math.min(limit, window.plainChains());
        while (run < plain && window.plainBytes(run) >= lengthBytes) {
            places[run] = window.plainAddress(run);
            run++;
        }
        if (lengthBytes <= SHORT_BYTES) {
            storeShort(run);
        } else {
            for (int i = 0; i < run; i++) {
                RawMemory.copy(frame, places[i], lengthBytes);
            }
        }
        window.usePlain(queue, run, lengthBytes);
        return run;
    }

    /** Stores the frame word by word; the last word may overlap the one before it. */
    private void storeShort(int run) {
        int last = lengthBytes - Long.BYTES;
        long lastWord = RawMemory.getLong(frame + last);
        for (int i = 0; i < run; i++) {
            long place = places[i];
            for (int offset = 0; offset < last; offset += Long.BYTES) {
                RawMemory.putLong(place + offset, RawMemory.getLong(frame + offset));
            }
            RawMemory.putLong(place + last, lastWord);
        }
    }

    /** Fills the next buffers, whatever they look like; false when the guest has too few of them. */
    private boolean sendOne(Virtqueue queue) {
        boolean mergeable = target.mergeable();
        if (!window.offer(queue, mergeable ? lengthBytes : 1)) {
            return false;
        }
        if (lengthBytes > (mergeable ? window.bytesLeft() : window.chainBytes())) {
            if (!mergeable || !window.mayGrow(queue)) {
                refuse();
            }
            return false;
        }
        SegmentCopy.scatter(frame, window.segments(), window.segment(), lengthBytes);
        window.use(queue, lengthBytes);
        return true;
    }

    private void refuse() {
        if (refusedGeneration != target.generation()) {
            refusedGeneration = target.generation();
            sourceCounters.received(1, lengthBytes - target.headerBytes());
            target.counters().txDrop(DropReason.TOO_LONG, 1);
        }
    }

    @Override
    public void resume() {
        starved = false;
    }

    @Override
    public boolean armWakeups() {
        Virtqueue queue = target.queue();
        if (queue == null || !target.enabled() || source.lengthBytes(target.headerBytes()) == 0) {
            return false;
        }
        return !starved || queue.enableNotifications();
    }

    @Override
    public void disarmWakeups() {
        Virtqueue queue = target.queue();
        if (queue != null) {
            queue.disableNotifications();
        }
    }

    @Override
    public List<VirtqueueEnd> virtqueueEnds() {
        return List.of(target);
    }

    @Override
    public void release() {
        target.releaseWindow();
    }
}
