package dev.baton.bench;

import dev.baton.virtqueue.ChainBurst;
import dev.baton.virtqueue.Features;
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
 * What address translation takes of a walk: bursts of chains of one segment, each of which lies in another region of
 * guest memory than the one before, so that the region that was right last is wrong now. With one region it is right
 * always; the difference is the lookup.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(1)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@SuppressWarnings("NullAway.Init") // JMH calls fillRing() first.
public class TranslateBenchmark {
    private static final int RING_SIZE = 256;
    private static final int BURST = 32;
    private static final int SEGMENT_BYTES = 76;

    /** Regions of guest memory. */
    @Param({"1", "8", "64"})
    public int regions;

    private BenchRing ring;
    private ChainBurst chains;

    /** Fills the ring. */
    @Setup
    public void fillRing() {
        ring = BenchRing.over(regions, RING_SIZE, Features.VERSION_1, SEGMENT_BYTES);
        chains = new ChainBurst(BURST, 1024);
    }

    /** Walks a burst of {@value #BURST} chains; the result is per chain. */
    @Benchmark
    @OperationsPerInvocation(BURST)
    public int walk() {
        return ring.walk(chains, BURST);
    }
}
