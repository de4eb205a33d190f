package dev.baton.datapath;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.agrona.concurrent.status.AtomicCounter;

/**
 * The counters of one queue pair of a port. Only the agent that owns the queue pair writes them, so plain addition and
 * a release store are enough.
 *
 * <p>Labels are {@code port=NAME pair=N KEY}, KEY one of {@code rx.frames}, {@code tx.drops.too-long}, ...
 */
@SuppressWarnings("EnumOrdinal") // an index into an array of this class; labels name what is counted
final class QueueCounters {
    private final AtomicCounter[] counters;

    private QueueCounters(List<AtomicCounter> counters) {
        this.counters = counters.toArray(AtomicCounter[]::new);
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
        return new QueueCounters(counters.allocate(labels));
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

    /** Adds what a former owner had counted, by label. */
    void carry(Map<String, Long> formerCounters) {
        for (AtomicCounter counter : counters) {
            counter.getAndAddRelease(formerCounters.getOrDefault(counter.label(), 0L));
        }
    }

    void free() {
        for (AtomicCounter counter : counters) {
            counter.close();
        }
    }

    private void add(Key key, long value) {
        counters[key.ordinal()].getAndAddRelease(value);
    }
}
