package dev.baton.datapath;

import java.util.ArrayList;
import java.util.List;
import org.agrona.concurrent.status.AtomicCounter;
import org.jspecify.annotations.Nullable;

/**
 * The counters of one queue pair of a port. Only the agent that owns the queue pair writes them, so plain addition and
 * a release store are enough. In a datapath that is to be taken from another owner that agent counts in that owner's
 * ({@link FormerCounters}) until {@link #carry}.
 *
 * <p>Labels are {@code port=NAME pair=N KEY}, KEY one of {@code rx.frames}, {@code tx.drops.too-long}, ...
 */
@SuppressWarnings("EnumOrdinal") // an index into an array of this class; labels name what is counted
final class QueueCounters {
    private final AtomicCounter[] own;
    private AtomicCounter[] counters;

    private QueueCounters(AtomicCounter[] own, AtomicCounter[] counters) {
        this.own = own;
        this.counters = counters;
    }

    /** What is counted; the order of the counters in memory. */
    enum Key {
        RX_FRAMES("rx.frames"), RX_BYTES("rx.bytes"), RX_BURSTS("rx.bursts"),
        TX_FRAMES("tx.frames"), TX_BYTES("tx.bytes"), TX_BURSTS("tx.bursts"),
        COALESCED("coalesced"), SOFTWARE_OFFLOAD("software-offload"), KICKS("kicks"), CALLS("calls");

        private static final int COUNT = values().length;
        private final String label;

        Key(String label) {
            this.label = label;
        }

        String label() {
            return label;
        }
    }

    static QueueCounters allocate(Counters counters, String port, int pair) {
        String prefix = PortLabel.prefix(port, pair);
        List<String> labels = new ArrayList<>();
        for (Key key : Key.values()) {
            labels.add(prefix + key.label());
        }
        for (String direction : List.of(PortLabel.RX_DROPS, PortLabel.TX_DROPS)) {
            for (DropReason reason : DropReason.values()) {
                labels.add(prefix + direction + reason.reason());
            }
        }
        AtomicCounter[] own = counters.allocate(labels).toArray(AtomicCounter[]::new);
        return new QueueCounters(own, inPlaceOf(own, counters.former()));
    }

    private static AtomicCounter[] inPlaceOf(AtomicCounter[] own, @Nullable FormerCounters former) {
        if (former == null) {
            return own;
        }
        AtomicCounter[] theirs = new AtomicCounter[own.length];
        for (int i = 0; i < own.length; i++) {
            AtomicCounter same = former.counter(own[i].label());
            theirs[i] = same == null ? own[i] : same;
        }
        return theirs;
    }

    void received(long frames, long bytes) {
        add(Key.RX_FRAMES, frames);
        add(Key.RX_BYTES, bytes);
        add(Key.RX_BURSTS, 1);
    }

    void transmitted(long frames, long bytes) {
        add(Key.TX_FRAMES, frames);
        add(Key.TX_BYTES, bytes);
        add(Key.TX_BURSTS, 1);
    }

    /** Of the frames that were transmitted. */
    void coalesced(long frames) {
        add(Key.COALESCED, frames);
    }

    /** Of the frames that were transmitted: those whose checksum was filled in, or that were cut, in software. */
    void softwareOffload(long frames) {
        add(Key.SOFTWARE_OFFLOAD, frames);
    }

    void rxDrop(DropReason reason, long frames) {
        counters[Key.COUNT + reason.ordinal()].getAndAddRelease(frames);
    }

    void txDrop(DropReason reason, long frames) {
        counters[Key.COUNT + DropReason.count() + reason.ordinal()].getAndAddRelease(frames);
    }

    void kicks(long kicks) {
        add(Key.KICKS, kicks);
    }

    void call() {
        add(Key.CALLS, 1);
    }

    /** Adds what the former owner's tell, and counts on in these. */
    void carry(FormerCounters former) {
        for (AtomicCounter counter : own) {
            counter.getAndAddRelease(former.value(counter.label()));
        }
        counters = own;
    }

    void free() {
        for (AtomicCounter counter : own) {
            counter.close();
        }
    }

    private void add(Key key, long value) {
        counters[key.ordinal()].getAndAddRelease(value);
    }
}
