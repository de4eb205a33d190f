package dev.baton.bench;

import dev.baton.datapath.Snapshot;
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
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * A picture of the whole datapath while it carries traffic. The time is that of the whole call, most of which is
 * waiting for the conductor and for each lane's next burst boundary; agents are stopped for none of it. With {@code
 * -prof gc} it shows what a picture is made of.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@SuppressWarnings("NullAway.Init") // JMH calls open() first.
public class SnapshotBenchmark {
    /** Queue pairs of each of the two ports. */
    @Param({"1", "8"})
    public int queuePairs;

    private BusyWire wire;

    /** Starts datapath and traffic. */
    @Setup
    public void open() {
        wire = new BusyWire(queuePairs);
    }

    /** Takes one. */
    @Benchmark
    public Snapshot snapshot() {
        return wire.datapath.snapshot();
    }

    /** Ends both. */
    @TearDown
    public void close() {
        wire.close();
    }
}
