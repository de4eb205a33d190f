package dev.baton.bench;

import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
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

/** What copying frames takes, by their size, with their virtio-net headers, from one cache line to another. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(1)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@SuppressWarnings("NullAway.Init") // JMH sets the parameters first.
public class CopyBenchmark {
    private static final int HEADER = 12;
    private static final int COPIES = 16;
    /** Two of them are more than a core's own cache holds. */
    private static final int COLD_BYTES = 32 << 20;

    /** Bytes of the Ethernet frame. */
    @Param({"64", "512", "1518", "9000"})
    public int frameBytes;

    /** Warm: {@value #COPIES} frames again and again. Cold: so many that none is in the core's cache when it is due. */
    @Param({"warm", "cold"})
    public String cache;

    private long from;
    private long to;
    private int bytes;
    private int stride;
    private int frames;
    private int turn;

    /** Makes the memory; mapped as long as the JVM lives. */
    @Setup
    public void open() {
        bytes = HEADER + frameBytes;
        stride = bytes + 63 & -64;
        frames = cache.equals("cold") ? COLD_BYTES / stride / COPIES * COPIES : COPIES;
        from = Mapping.anonymous((long) frames * stride).address();
        to = Mapping.anonymous((long) frames * stride).address();
        RawMemory.fill(from, (long) frames * stride, (byte) 1);
        RawMemory.fill(to, (long) frames * stride, (byte) 2);
    }

    /** Copies {@value #COPIES} frames; the result is per frame. */
    @Benchmark
    @OperationsPerInvocation(COPIES)
    public int copy() {
        long at = (long) turn * stride;
        for (int i = 0; i < COPIES; i++) {
            RawMemory.copy(from + at, to + at, bytes);
            at += stride;
        }
        turn = turn + COPIES < frames ? turn + COPIES : 0;
        return turn;
    }
}
