package dev.baton.vhostuser;

import dev.baton.virtqueue.DirtyLog;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.RingFormat;
import org.jspecify.annotations.Nullable;

/** What a front end shares besides guest memory, each with a descriptor: the dirty log and the inflight region. */
final class LentMemory implements AutoCloseable {
    private @Nullable LogMemory log;
    private @Nullable InflightMemory inflight;

    /** Takes another log; returns the one before it, which is to be closed when nobody notes in it any more. */
    @Nullable LogMemory replaceLog(LogState described) throws ProtocolException {
        LogMemory before = log;
        log = LogMemory.map(described);
        return before;
    }

    @Nullable LogState logState() {
        LogMemory logged = log;
        return logged == null ? null : logged.state();
    }

    /** The log in use when these features are acked. */
    @Nullable DirtyLog activeLog(long features) {
        LogMemory logged = log;
        return logged != null && (features & Features.LOG_ALL) != 0 ? logged.log() : null;
    }

    /** Takes another inflight region; no virtqueue is running. */
    InflightMemory replaceInflight(InflightState described, int most, RingFormat format) throws ProtocolException {
        InflightMemory region = InflightMemory.map(described, most, format);
        dropInflight();
        inflight = region;
        return region;
    }

    @Nullable InflightState inflightState() {
        InflightMemory region = inflight;
        return region == null ? null : region.state();
    }

    /** Forgets the inflight region; no virtqueue is running. */
    void dropInflight() {
        InflightMemory region = inflight;
        inflight = null;
        if (region != null) {
            region.close();
        }
    }

    @Override
    public void close() {
        LogMemory logged = log;
        log = null;
        if (logged != null) {
            logged.close();
        }
        dropInflight();
    }
}
