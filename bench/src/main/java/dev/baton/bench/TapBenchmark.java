package dev.baton.bench;

import dev.baton.tap.TapBurst;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What one frame costs at a TAP queue, with its virtio-net header: one buffer against a scatter-gather list, and a list
 * in which the header stands apart, and a burst in one call of the kernel. Needs root, for the device is in a network
 * namespace of its own.
 *
 * <p>Written frames have an ethertype that nobody takes, so that the stack drops them as soon as it can. Frames to be
 * read are broadcast by the stack into the TAP's queue before each invocation, by the same thread and outside the
 * measured time; reading what another core sent costs more, because the frames' cache lines have to move.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(1)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
public class TapBenchmark {
    private static final int WAITING = 900;
    /** Whole ones that {@link #WAITING} frames make. */
    private static final int BURSTS = WAITING / TapBurst.MAX_FRAMES;

    /** Frame and header in one buffer: write(2). */
    @Benchmark
    public long write(BenchTap tap) {
        return tap.moved(tap.queue.write(tap.buffer, tap.length));
    }

    /** A list of one segment: writev(2). */
    @Benchmark
    public long writevOneSegment(BenchTap tap) {
        return tap.moved(tap.queue.writev(tap.oneSegment.address(), 1));
    }

    /** A list of two segments, header and frame. */
    @Benchmark
    public long writevTwoSegments(BenchTap tap) {
        return tap.moved(tap.queue.writev(tap.twoSegments.address(), 2));
    }

    /** Into one buffer: read(2). The result is per frame. */
    @Benchmark
    @OperationsPerInvocation(WAITING)
    public long read(FullQueue full) {
        BenchTap tap = full.tap;
        long bytes = 0;
        for (int i = 0; i < WAITING; i++) {
            bytes += tap.moved(tap.queue.read(tap.buffer, tap.length));
        }
        return bytes;
    }

    /** Into a list of one segment: readv(2). The result is per frame. */
    @Benchmark
    @OperationsPerInvocation(WAITING)
    public long readvOneSegment(FullQueue full) {
        BenchTap tap = full.tap;
        long bytes = 0;
        for (int i = 0; i < WAITING; i++) {
            bytes += tap.moved(tap.queue.readv(tap.oneSegment.address(), 1));
        }
        return bytes;
    }

    /** Into a list of two segments, header and frame. The result is per frame. */
    @Benchmark
    @OperationsPerInvocation(WAITING)
    public long readvTwoSegments(FullQueue full) {
        BenchTap tap = full.tap;
        long bytes = 0;
        for (int i = 0; i < WAITING; i++) {
            bytes += tap.moved(tap.queue.readv(tap.twoSegments.address(), 2));
        }
        return bytes;
    }

    /** A burst of frames, each in one buffer, through io_uring. The result is per frame. */
    @Benchmark
    @OperationsPerInvocation(TapBurst.MAX_FRAMES)
    public int writeBurst(BenchTap tap) {
        return tap.writeBurst();
    }

    /** Bursts of buffers through io_uring, as many frames as they have room for. The result is per frame. */
    @Benchmark
    @OperationsPerInvocation(BURSTS * TapBurst.MAX_FRAMES)
    public int readBurst(FullQueue full) {
        int frames = 0;
        for (int i = 0; i < BURSTS; i++) {
            frames += full.tap.readBurst();
        }
        return frames;
    }

    /** A TAP whose queue is full at each invocation: enough frames to make the timer's own cost small. */
    @State(Scope.Thread)
    @SuppressWarnings("NullAway.Init") // JMH calls take() first.
    public static class FullQueue {
        BenchTap tap;

        /** JMH makes this TAP for this state alone; a benchmark's own argument would be another. */
        @Setup
        public void take(BenchTap given) {
            tap = given;
        }

        /** Lets the stack send. */
        @Setup(Level.Invocation)
        public void fill() throws IOException {
            tap.fill(WAITING);
        }
    }
}
