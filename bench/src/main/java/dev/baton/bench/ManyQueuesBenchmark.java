package dev.baton.bench;

import dev.baton.datapath.Datapath;
import dev.baton.datapath.DatapathConfig;
import dev.baton.datapath.FrameHandler;
import dev.baton.datapath.IdleMode;
import dev.baton.datapath.MemoryDriver;
import dev.baton.datapath.MemoryPort;
import dev.baton.datapath.MemoryPortConfig;
import dev.baton.ffi.Sched;
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
import org.openjdk.jmh.annotations.TearDown;

/**
 * What queues cost that have nothing to do: in-memory ports, wired in twos, whose queue pairs are all one agent's, on
 * one CPU; the drivers are on the other. Needs two CPUs. {@link IdleTapsBenchmark} is about queues of TAPs.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(1)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@SuppressWarnings("NullAway.Init") // JMH calls open() first.
public class ManyQueuesBenchmark {
    /** Transmitqs that are looked at, each port's of each queue pair: a multiple of 2 x 256. */
    private static final int LOOKS = 1 << 23;
    private static final int FRAMES = 1 << 14;
    private static final int BURST = 64;
    private static final int QUEUE_SIZE = 1024;
    private static final int MOST_OF_A_PORT = 128;

    /** Queue pairs at each end, over as many ports as they need. */
    @Param({"1", "256"})
    public int queuePairs;

    private final byte[] frame = new byte[64];
    private final FrameHandler ignore = (address, lengthBytes) -> { };
    private Datapath datapath;
    private MemoryDriver from;
    private MemoryDriver to;

    /** Starts the datapath. */
    @Setup
    public void open() {
        int[] cpus = Sched.affinity();
        if (cpus.length < 2) {
            throw new BenchFailure("many queues need two CPUs");
        }
        datapath = Datapath.launch(DatapathConfig.defaults().withIdleMode(IdleMode.BUSY).withCpus(cpus[1]));
        for (int pairs = 0; pairs < queuePairs; pairs += MOST_OF_A_PORT) {
            MemoryPort a = datapath.add(config("a" + pairs));
            MemoryPort b = datapath.add(config("b" + pairs));
            datapath.wire(a, b);
            if (pairs == 0) {
                from = a.driver(0);
                to = b.driver(0);
            }
        }
        Sched.setAffinity(cpus[0]);
    }

    private MemoryPortConfig config(String name) {
        return MemoryPortConfig.named(name).withQueuePairs(Math.min(queuePairs, MOST_OF_A_PORT))
            .withQueueSize(QUEUE_SIZE);
    }

    /**
     * Waits while the agent finds nothing in {@value #LOOKS} transmitqs; the result is per transmitq, and has its part
     * of the duty cycle.
     */
    @Benchmark
    @OperationsPerInvocation(LOOKS)
    public long idle() {
        return new DutyCycles(datapath).await(LOOKS / (2 * queuePairs));
    }

    /** Sends {@value #FRAMES} frames on the first queue pair, and receives them; the result is per frame. */
    @Benchmark
    @OperationsPerInvocation(FRAMES)
    public int forward() {
        int received = 0;
        int sent = 0;
        while (received < FRAMES) {
            for (int i = 0; i < BURST && sent < FRAMES && from.send(frame, 0, frame.length); i++) {
                sent++;
            }
            received += to.receive(ignore, BURST);
        }
        return received;
    }

    /** Ends it. */
    @TearDown
    public void close() {
        datapath.close();
    }
}
