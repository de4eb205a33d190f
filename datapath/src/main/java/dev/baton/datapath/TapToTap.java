package dev.baton.datapath;

import dev.baton.ffi.Fd;
import dev.baton.tap.StagingBuffers;
import dev.baton.tap.TapQueue;
import dev.baton.virtqueue.VirtioNetHeader;

/** TAP to TAP, staged through one off-heap frame: read from one queue, written to the other, header and all. */
final class TapToTap implements Transfer {
    private final TapQueue source;
    private final QueueCounters sourceCounters;
    private final TapQueue target;
    private final QueueCounters targetCounters;
    private final StagingBuffers staging = new StagingBuffers(1);
    private final long frame = staging.address(0);
    /** Bytes of a frame that was read and could not be written yet. */
    private long pendingBytes;

    TapToTap(TapQueue source, QueueCounters sourceCounters, TapQueue target, QueueCounters targetCounters) {
        this.source = source;
        this.sourceCounters = sourceCounters;
        this.target = target;
        this.targetCounters = targetCounters;
    }

    @Override
    public int doBurst() {
        if (!source.attached() || (pendingBytes != 0 && !writePending())) {
            return 0;
        }
        int frames = 0;
        long bytes = 0;
        while (frames < BURST) {
            long length = source.read(frame, StagingBuffers.BUFFER_BYTES);
            if (length <= 0) {
                break;
            }
            frames++;
            bytes += length - VirtioNetHeader.LENGTH;
            pendingBytes = length;
            if (!writePending()) {
                break;
            }
        }
        if (frames > 0) {
            sourceCounters.received(frames, bytes);
        }
        return frames;
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
    public void release() {
        staging.close();
    }
}
