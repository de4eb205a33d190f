package dev.baton.datapath;

import dev.baton.coalesce.Coalescer;
import dev.baton.ffi.RawMemory;
import dev.baton.tap.TapBurst;
import dev.baton.tap.TapQueue;
import dev.baton.virtqueue.ChainBurst;
import dev.baton.virtqueue.Virtqueue;
import java.util.List;

/**
 * Guest to TAP without a copy of ours: the kernel reads each frame, header included, straight from guest memory. Frames
 * that one can stand for go as one, see {@link Coalescer}. Of a guest with headers of 10 bytes the kernel reads the
 * header from {@link LegacyFrames}, and each frame goes alone.
 *
 * <p>Frames that go alone are given to the queue as one {@link TapBurst}, in order with those that were joined. All of
 * them are where they are going to be before the guest sees the first of them used.
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
    private final TapBurst outgoing;
    /** Frames of the next burst at most. */
    private int wanted = BURST;
    private boolean blocked;
    @SuppressWarnings("UnusedVariable") // without it the JIT would leave touch() out
    private int touched;

    // Of the burst that is being forwarded: what was taken from the guest, in frames and bytes, what was written of
    // that, and with how many calls; before the frame {@code alone} nothing is joined.
    private int taken;
    private long takenBytes;
    private int written;
    private long writtenBytes;
    private int coalesced;
    private int calls;
    private int alone;

    VirtqueueToTap(VirtqueueEnd source, TapQueue target, QueueCounters targetCounters,
                   Coalescer coalescer) {
        this.source = source;
        this.target = target;
        this.targetCounters = targetCounters;
        this.coalescer = coalescer;
        this.outgoing = new TapBurst(target);
    }

    @Override
    public int doBurst(ChainBurst burst) {
        Virtqueue queue = source.queue();
        blocked = false;
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
        taken = 0;
        takenBytes = 0;
        written = 0;
        writtenBytes = 0;
        coalesced = 0;
        calls = 0;
        alone = 0;
        touched = touch(burst, count);
        LegacyFrames legacy = source.legacy();
        while (taken < count && calls < BURST && !blocked) {
            if (legacy != null) {
                writeLegacy(queue, burst, legacy);
            } else {
                int run = gather(burst, count);
                if (outgoing.count() > 0) {
                    writeGathered(queue, burst);
                }
                if (run > 1 && calls < BURST && !blocked) {
                    writeRun(queue, burst, run);
                }
            }
        }
        wanted = calls * WORTH_IT <= taken ? MAX_BURST : BURST;
        count();
        source.publish(queue);
        return taken;
    }

    /**
     * Gathers frames that go alone, up to a run that can go as one.
     *
     * @return how many frames the run has, which the coalescer has ready; 1: there is none
     */
    private int gather(ChainBurst burst, int count) {
        outgoing.clear();
        int end = Math.min(count, taken + BURST - calls);
        for (int chain = taken; chain < end; chain++) {
            int run = chain < alone ? 1 : coalescer.join(burst, chain);
            if (run > 1) {
                return run;
            }
            add(burst, chain);
        }
        return 1;
    }

    /** Most frames are one segment, which is cheaper to give without a list. */
    private void add(ChainBurst burst, int chain) {
        int segment = burst.firstSegment(chain);
        int segments = burst.segmentCount(chain);
        if (segments == 1) {
            outgoing.add(burst.segmentBase(segment), burst.segmentLength(segment));
        } else {
            outgoing.addList(burst.segments().address(segment), segments);
        }
    }

    private void writeGathered(Virtqueue queue, ChainBurst burst) {
        int settled = outgoing.write();
        blocked = settled < outgoing.count();
        calls += settled;
        int first = taken;
        for (int i = 0; i < settled; i++) {
            account(outgoing.result(i), 1, burst.lengthBytes(first + i) - source.headerBytes());
        }
        queue.use(burst, first, settled);
    }

    private void writeRun(Virtqueue queue, ChainBurst burst, int run) {
        long result = target.writev(coalescer.list().address(), coalescer.segments());
        calls++;
        if (TapDrops.later(result)) {
            blocked = true;
        } else if (result <= 0) {
            // What the kernel has against the whole it may not have against the parts.
            alone = taken + run;
        } else {
            coalesced += run;
            use(queue, burst, result, run);
        }
    }

    private void writeLegacy(Virtqueue queue, ChainBurst burst, LegacyFrames legacy) {
        legacy.send(burst.segments(), burst.firstSegment(taken), burst.segmentCount(taken));
        long result = target.writev(legacy.list().address(), legacy.segments());
        calls++;
        if (TapDrops.later(result)) {
            blocked = true;
        } else {
            use(queue, burst, result, 1);
        }
    }

    /** Gives the guest back frames that went with one call. */
    private void use(Virtqueue queue, ChainBurst burst, long result, int frames) {
        int first = taken;
        long bytes = -(long) frames * source.headerBytes();
        for (int chain = first; chain < first + frames; chain++) {
            bytes += burst.lengthBytes(chain);
        }
        account(result, frames, bytes);
        queue.use(burst, first, frames);
    }

    /** Notes what became of frames; their bytes are those without the virtio-net headers. */
    private void account(long result, int frames, long bytes) {
        taken += frames;
        takenBytes += bytes;
        if (result > 0) {
            written += frames;
            writtenBytes += bytes;
        } else {
            targetCounters.txDrop(TapDrops.reason(result), frames);
        }
    }

    private void count() {
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

    @Override
    public void expect() {
        target.greetIoUring();
    }

    @Override
    public VirtqueueEnd awaitedSource() {
        return source;
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
