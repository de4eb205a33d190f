package dev.baton.bench;

import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import dev.baton.virtqueue.ChainBurst;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.QueueRecord;
import dev.baton.virtqueue.RingFormat;
import dev.baton.virtqueue.VirtioNetHeader;
import dev.baton.virtqueue.Virtqueue;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The device's cost of one frame from one guest's transmitq to another's receiveq: both queues walked, one copy, used
 * rings written, one notification decision per burst and queue. One thread, so no cache line moves between cores;
 * the drivers cost one store per burst ({@link BenchRing}).
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(1)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@SuppressWarnings("NullAway.Init") // JMH calls fillRings() first.
public class RingForwardBenchmark {
    private static final int FRAMES = 256;
    private static final int RING_SIZE = 256;
    /** A receive buffer of the mergeable kind: the longest frame takes three. */
    private static final int MERGEABLE_BUFFER = 640;
    /** As far apart as DPDK's: a power of two would make the buffers compete for a few cache sets. */
    private static final int LARGE_BUFFER = 2304;

    /** Bytes of the Ethernet frame. */
    @Param({"64", "512", "1518"})
    public int frameBytes;

    /** Frames of one burst. */
    @Param("32")
    public int burst;

    /** Segments of the sender's chain: header and frame apart with 2. */
    @Param({"1", "2"})
    public int segments;

    /** Whether the receiver has small buffers that merge. */
    @Param({"false", "true"})
    public boolean mergeable;

    /** Whether both virtqueues keep their records in the baton. */
    @Param("true")
    public boolean record;

    /** How the rings are laid out. */
    @Param({"SPLIT", "PACKED"})
    public RingFormat format;

    private BenchRing from;
    private BenchRing to;
    private Virtqueue source;
    private Virtqueue sink;
    private ChainBurst frames;
    private ChainBurst room;

    /** Fills both rings. */
    @Setup
    public void fillRings() {
        int header = VirtioNetHeader.LENGTH;
        int[] chain = segments == 1 ? new int[] {header + frameBytes} : new int[] {header, frameBytes};
        long features = BenchRing.features(format) | (mergeable ? Features.MRG_RXBUF : 0);
        from = new BenchRing(RING_SIZE, features, false, chain);
        to = new BenchRing(RING_SIZE, features, true, mergeable ? MERGEABLE_BUFFER : LARGE_BUFFER);
        source = from.device;
        sink = to.device;
        frames = new ChainBurst(burst, 1024);
        room = new ChainBurst(4 * burst, 1024);
        to.offer(RING_SIZE);
        if (record) {
            // Mapped as long as the JVM lives, as the rings are.
            long records = Mapping.anonymous(2 * QueueRecord.BYTES).address();
            source.keep(new QueueRecord(records));
            sink.keep(new QueueRecord(records + QueueRecord.BYTES));
        }
    }

    /** Forwards {@value #FRAMES} frames; the result is per frame. */
    @Benchmark
    @OperationsPerInvocation(FRAMES)
    public int forward() {
        int moved = 0;
        while (moved < FRAMES) {
            from.offer(burst);
            moved += forwardBurst();
        }
        return moved;
    }

    private int forwardBurst() {
        int count = source.fetchReadable(frames, burst);
        sink.fetchWritable(room, room.maxChains(), frames.totalBytes() + (long) MERGEABLE_BUFFER * count);
        int chain = 0;
        for (int i = 0; i < count; i++) {
            chain = deliver(i, chain);
            source.use(frames.head(i), 0);
        }
        source.publish();
        sink.publish();
        to.offer(chain);
        return count;
    }

    /** Copies frame {@code i} to the chains from {@code chain} on; returns the next chain. */
    private int deliver(int i, int chain) {
        int segment = room.firstSegment(chain);
        long header = room.segmentBase(segment);
        int next = chain;
        long space = 0;
        long at = 0;
        int written = 0;
        int last = frames.firstSegment(i) + frames.segmentCount(i);
        for (int s = frames.firstSegment(i); s < last; s++) {
            long base = frames.segmentBase(s);
            long left = frames.segmentLength(s);
            while (left > 0) {
                if (space == 0) {
                    if (written != 0) {
                        sink.use(room.head(next++), written);
                        written = 0;
                    }
                    segment = room.firstSegment(next);
                    at = room.segmentBase(segment);
                    space = room.segmentLength(segment);
                }
                long part = Math.min(left, space);
                RawMemory.copy(base, at, part);
                base += part;
                left -= part;
                at += part;
                space -= part;
                written += (int) part;
            }
        }
        sink.use(room.head(next++), written);
        VirtioNetHeader.numBuffers(header, next - chain);
        return next;
    }
}
