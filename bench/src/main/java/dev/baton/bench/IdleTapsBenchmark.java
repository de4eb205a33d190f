package dev.baton.bench;

import dev.baton.datapath.Datapath;
import dev.baton.datapath.DatapathConfig;
import dev.baton.datapath.IdleMode;
import dev.baton.datapath.MemoryPort;
import dev.baton.datapath.MemoryPortConfig;
import dev.baton.datapath.TapPortConfig;
import dev.baton.ffi.Fd;
import dev.baton.ffi.NetworkNamespace;
import dev.baton.ffi.Sched;
import dev.baton.tap.TapConfig;
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
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What a duty cycle costs of an agent whose TAP queues have nothing, by how many there are; each is wired to a queue
 * pair of an in-memory port that has nothing either. Needs two CPUs and CAP_NET_ADMIN.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@SuppressWarnings("NullAway.Init") // JMH calls open() first.
public class IdleTapsBenchmark {
    private static final int CYCLES = 1 << 16;
    private static final String TAP = "idle0";

    /** Queues of the one TAP. */
    @Param({"1", "8", "64"})
    public int queues;

    private Fd namespace;
    private Datapath datapath;

    /** Starts the datapath. */
    @Setup
    public void open() {
        int[] cpus = Sched.affinity();
        if (cpus.length < 2) {
            throw new BenchFailure("idle TAPs need two CPUs");
        }
        namespace = NetworkNamespace.create();
        datapath = Datapath.launch(DatapathConfig.defaults().withIdleMode(IdleMode.BUSY).withCpus(cpus[1]));
        MemoryPort guest = datapath.add(MemoryPortConfig.named("guest").withQueuePairs(queues));
        datapath.wire(guest, datapath.add(new TapPortConfig(TAP, TapConfig.builder(TAP).queues(queues)
            .networkNamespace("/proc/self/fd/" + namespace.value()).up(true).build())));
        Sched.setAffinity(cpus[0]);
    }

    /** Waits for {@value #CYCLES} duty cycles; the result is per cycle. */
    @Benchmark
    @OperationsPerInvocation(CYCLES)
    public long dutyCycle() {
        return new DutyCycles(datapath).await(CYCLES);
    }

    /** Ends it. */
    @TearDown
    public void close() {
        datapath.close();
        namespace.close();
    }
}
