package dev.baton.bench;

import dev.baton.ffi.Mapping;
import dev.baton.virtqueue.ChainBurst;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.QueueRecord;
import dev.baton.virtqueue.RingFormat;
import dev.baton.virtqueue.Virtqueue;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What the state in the baton costs, and the decision on a notification: one burst fetched, used and published by a
 * virtqueue that keeps its record, and by one that does not. Frames are not touched, so this is the worst case;
 * {@link RingForwardBenchmark} has the same choice with frames that are copied. The result is per burst. Run with
 * {@code -prof gc}: nothing is allocated.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(3)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@SuppressWarnings("NullAway.Init") // JMH calls fillRing() first.
public class PublishBenchmark {
    private static final int RING_SIZE = 256;
    private static final int CHAIN_BYTES = 76;

    /** Frames of one burst. */
    @Param({"1", "32"})
    public int burst;

    /** Whether the virtqueue keeps its record in the baton. */
    @Param({"false", "true"})
    public boolean record;

    /** Whether notifications are suppressed by an index, or by a flag. The driver wants none either way. */
    @Param({"false", "true"})
    public boolean eventIdx;

    /** How the ring is laid out. */
    @Param({"SPLIT", "PACKED"})
    public RingFormat format;

    private BenchRing ring;
    private Virtqueue queue;
    private ChainBurst frames;

    /** Fills the ring. */
    @Setup
    public void fillRing() {
        ring = new BenchRing(RING_SIZE, BenchRing.features(format) | (eventIdx ? Features.EVENT_IDX : 0), false,
            CHAIN_BYTES);
        queue = ring.device;
        frames = new ChainBurst(burst, 1024);
        if (record) {
            // Mapped as long as the JVM lives, as the rings are.
            queue.keep(new QueueRecord(Mapping.anonymous(QueueRecord.BYTES).address()));
        }
    }

    /** Fetches, uses and publishes one burst. */
    @Benchmark
    public boolean burst() {
        ring.offer(burst);
        int count = queue.fetchReadable(frames, burst);
        for (int i = 0; i < count; i++) {
            queue.use(frames.head(i), 0);
        }
        return queue.publish();
    }
}
