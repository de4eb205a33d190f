package dev.baton.datapath;

import dev.baton.coalesce.Coalescer;
import dev.baton.ffi.RawMemory;
import dev.baton.tap.TapQueue;
import dev.baton.virtqueue.ChainBurst;
import dev.baton.virtqueue.Virtqueue;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Guest to TAP without a copy of ours: the kernel reads each frame, header included, straight from guest memory. Frames
 * that one can stand for go as one, see {@link Coalescer}. Of a guest with headers of 10 bytes the kernel reads the
 * header from {@link LegacyFrames}, and each frame goes alone.
 */
final class VirtqueueToTap implements Transfer {
    /** A small frame with its header; of a large one the processor fetches the rest by itself. */
    private static final int TOUCHED_BYTES = 88;

    /** So many frames a call make it likely that longer bursts are worth it: what is fetched in vain costs as well. */
    private static final int WORTH_IT = 4;

    private final VirtqueueEnd source;
    private final TapQueue target;
    private final QueueCounters targetCounters;
    private final Coalescer coalescer;
    /** Frames of the next burst at most. */
    private int wanted = BURST;
    private boolean blocked;
    @SuppressWarnings("UnusedVariable") // without it the JIT would leave touch() out
    private int touched;

    VirtqueueToTap(VirtqueueEnd source, TapQueue target, QueueCounters targetCounters,
                   Coalescer coalescer) {
        this.source = source;
        this.target = target;
        this.targetCounters = targetCounters;
        this.coalescer = coalescer;
    }

    @Override
    public int doBurst(ChainBurst burst) {
        Virtqueue queue = source.queue();
        if (queue == null) {
            return 0;
        }
        int count = queue.fetchReadable(burst, wanted);
        if (count == 0) {
            source.checkFault(queue);
            return 0;
        }
        return source.enabled() ? forward(queue, burst, count) : source.discard(queue, burst, count);
    }

    private int forward(Virtqueue queue, ChainBurst burst, int count) {
        LegacyFrames legacy = source.legacy();
        int taken = 0;
        int written = 0;
        int alone = legacy == null ? 0 : count;
        int coalesced = 0;
        int calls = 0;
        long takenBytes = 0;
        long writtenBytes = 0;
        blocked = false;
        touched = touch(burst, count);
        while (taken < count && calls < BURST) {
            int run = taken < alone ? 1 : coalescer.join(burst, taken);
            long result = run > 1 ? target.writev(coalescer.list(), coalescer.segments()) : write(burst, taken, legacy);
            calls++;
            if (TapDrops.later(result)) {
                blocked = true;
                break;
            }
            if (result <= 0 && run > 1) {
                // What the kernel has against the whole it may not have against the parts.
                alone = taken + run;
                continue;
            }
            long bytes = use(queue, burst, taken, run);
            takenBytes += bytes;
            taken += run;
            if (result > 0) {
                written += run;
                writtenBytes += bytes;
                coalesced += run > 1 ? run : 0;
            } else {
                targetCounters.txDrop(TapDrops.reason(result), 1);
            }
        }
        wanted = calls * WORTH_IT <= taken ? MAX_BURST : BURST;
        count(taken, takenBytes, written, writtenBytes, coalesced);
        source.publish(queue);
        return taken;
    }

    private void count(int taken, long takenBytes, int written, long writtenBytes, int coalesced) {
        if (taken > 0) {
            source.counters().received(taken, takenBytes);
        }
        if (written > 0) {
            targetCounters.transmitted(written, writtenBytes);
        }
        if (coalesced > 0) {
            targetCounters.coalesced(coalesced);
        }
    }

    /** Gives the guest back what has been written; returns its bytes, without the virtio-net headers. */
    private long use(Virtqueue queue, ChainBurst burst, int from, int frames) {
        long bytes = -(long) frames * source.headerBytes();
        for (int chain = from; chain < from + frames; chain++) {
            bytes += burst.lengthBytes(chain);
        }
        queue.use(burst, from, frames);
        return bytes;
    }

    /**
     * Loads a byte of each cache line that the first {@value #TOUCHED_BYTES} bytes of a frame lie in. Written one by
     * one, each frame would make the kernel wait for the guest's cache; like this they are waited for together.
     */
    private static int touch(ChainBurst burst, int count) {
        int sum = 0;
        for (int chain = 0; chain < count; chain++) {
            int segment = burst.firstSegment(chain);
            long base = burst.segmentBase(segment);
            long last = Math.min(burst.segmentLength(segment), TOUCHED_BYTES) - 1;
            sum += RawMemory.getByte(base) + RawMemory.getByte(base + last);
        }
        return sum;
    }

    /** Most frames are one segment, which is cheaper to give without a list. */
    private long write(ChainBurst burst, int chain, @Nullable LegacyFrames legacy) {
        int segment = burst.firstSegment(chain);
        int count = burst.segmentCount(chain);
        if (legacy != null) {
            legacy.send(burst.segments(), segment, count);
            return target.writev(legacy.list().address(), legacy.segments());
        }
        return count == 1 ? target.write(burst.segmentBase(segment), burst.segmentLength(segment))
            : target.writev(burst.segments().address(segment), count);
    }

    @Override
    public boolean armWakeups() {
        Virtqueue queue = source.queue();
        // A TAP whose send buffer is full gives no edge to wait for; that is rare and short: keep polling.
        return queue != null && (queue.enableNotifications() || blocked);
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

    @Override
    public void release() {
        coalescer.close();
    }
}
