package dev.baton.datapath;

import dev.baton.ffi.Fd;
import dev.baton.tap.TapQueue;
import dev.baton.virtqueue.ChainBurst;
import dev.baton.virtqueue.VirtioNetHeader;

/** TAP to TAP, staged through one off-heap frame: read from one queue, written to the other, header and all. */
final class TapToTap implements Transfer {
    private final TapQueue source;
    private final QueueCounters sourceCounters;
    private final TapQueue target;
    private final QueueCounters targetCounters;
    private final StagingSlot slot;
    private final long frame;
    /** Bytes of a frame that was read and could not be written yet. */
    private long pendingBytes;

    TapToTap(TapQueue source, QueueCounters sourceCounters, StagingSlot slot, TapQueue target,
             QueueCounters targetCounters) {
        this.source = source;
        this.sourceCounters = sourceCounters;
        this.target = target;
        this.targetCounters = targetCounters;
        this.slot = slot;
        this.frame = slot.spill();
    }

    @Override
    public int doBurst(ChainBurst scratch) {
        if (!source.attached() || (pendingBytes != 0 && !retry())) {
            return 0;
        }
        int frames = 0;
        long bytes = 0;
        while (frames < BURST) {
            long length = source.read(frame, StagingSlot.SPILL_BYTES);
            if (length <= 0) {
                break;
            }
            frames++;
            bytes += length - VirtioNetHeader.LENGTH;
            pendingBytes = length;
            if (!writePending()) {
                slot.pending(frame, length);
                break;
            }
        }
        if (frames > 0) {
            sourceCounters.received(frames, bytes);
        }
        return frames;
    }

    private boolean retry() {
        boolean written = writePending();
        if (written) {
            slot.clear();
        }
        return written;
    }

    private boolean writePending() {
        long result = target.write(frame, pendingBytes);
        if (TapDrops.later(result)) {
            return false;
        }
        if (result > 0) {
            targetCounters.transmitted(1, pendingBytes - VirtioNetHeader.LENGTH);
        } else {
            targetCounters.txDrop(TapDrops.reason(result), 1);
        }
        pendingBytes = 0;
        return true;
    }

    @Override
    public boolean awaitsTap() {
        return pendingBytes == 0;
    }

    @Override
    public boolean armWakeups() {
        return pendingBytes != 0;
    }

    @Override
    public void disarmWakeups() {
    }

    @Override
    public Fd tapInput() {
        return source.fd();
    }

    @Override
    public void resume() {
        pendingBytes = slot.pendingBytes();
    }
}
