package dev.baton.bench;

import dev.baton.virtqueue.ChainBurst;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.RingFormat;
import java.util.Arrays;
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
 * What it takes to walk the descriptors of a chain: a burst is fetched, its segments translated, and given back, for a
 * device must not have more chains than there are descriptors; what that takes is {@link PublishBenchmark}'s. Run with
 * {@code -prof gc}: nothing is allocated.
 *
 * <p>Cold: the rings come in turn, so many that none is in the core's own cache any more when it is due again.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(1)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@SuppressWarnings("NullAway.Init") // JMH calls fillRings() first.
public class WalkBenchmark {
    private static final int RING_SIZE = 256;
    private static final int BURST = 32;
    private static final int SEGMENT_BYTES = 64;
    /** Of 10 KiB of rings each, not counting the chains' memory, which nobody touches. */
    private static final int COLD_RINGS = 2048;

    /** How a chain is made. */
    @Param({"direct1", "chain3", "indirect3"})
    public String shape;

    /** Whether the rings are in the cache. */
    @Param({"warm", "cold"})
    public String cache;

    /** How the rings are laid out. */
    @Param({"SPLIT", "PACKED"})
    public RingFormat format;

    private BenchRing[] rings;
    private ChainBurst chains;
    private int turn;

    /** Fills the rings. */
    @Setup
    public void fillRings() {
        int[] segments = new int[shape.equals("direct1") ? 1 : 3];
        Arrays.fill(segments, SEGMENT_BYTES);
        long features = BenchRing.features(format) | (shape.equals("indirect3") ? Features.INDIRECT_DESC : 0);
        rings = new BenchRing[cache.equals("cold") ? COLD_RINGS : 1];
        for (int i = 0; i < rings.length; i++) {
            rings[i] = new BenchRing(RING_SIZE, features, false, segments);
        }
        chains = new ChainBurst(BURST, 1024);
    }

    /** Walks a burst of {@value #BURST} chains; the result is per chain. */
    @Benchmark
    @OperationsPerInvocation(BURST)
    public int walk() {
        BenchRing ring = rings[turn];
        turn = turn + 1 < rings.length ? turn + 1 : 0;
        return ring.walk(chains, BURST);
    }
}
