package dev.baton.bench;

import dev.baton.datapath.Blackout;
import java.util.concurrent.TimeUnit;
import org.HdrHistogram.Histogram;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * A queue pair moves from agent to agent under traffic. The score is the time of the whole call, in which frames go on;
 * the gap in which they do not is told after each iteration. Needs two CPUs. With {@code -prof gc} it shows what a
 * move allocates: on the conductor's side, and the agents' lists of lanes.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 5, time = 2)
@Measurement(iterations = 5, time = 2)
@SuppressWarnings("NullAway.Init") // JMH calls open() first.
public class MoveBenchmark {
    private final Histogram gapNs = new Histogram(3);
    private BusyWire wire;
    private int agent;

    /** Starts datapath and traffic. */
    @Setup
    public void open() {
        wire = new BusyWire(1);
        agent = wire.datapath.snapshot().wires().getFirst().lanes().getFirst().agent();
    }

    /** Moves the queue pair to the other agent. */
    @Benchmark
    public Blackout move() {
        agent = 1 - agent;
        Blackout blackout = wire.datapath.move(wire.port, 0, agent);
        gapNs.recordValue(blackout.ns());
        return blackout;
    }

    /** Tells the gaps of an iteration. */
    @TearDown(Level.Iteration)
    public void tell() {
        System.out.printf("gap in us: p50 %.2f, p99 %.2f, max %.2f of %d; ", gapNs.getValueAtPercentile(50) / 1e3,
            gapNs.getValueAtPercentile(99) / 1e3, gapNs.getMaxValue() / 1e3, gapNs.getTotalCount());
        gapNs.reset();
    }

    /** Ends both. */
    @TearDown
    public void close() {
        wire.close();
    }
}
