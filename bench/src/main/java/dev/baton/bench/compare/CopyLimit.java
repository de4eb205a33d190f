package dev.baton.bench.compare;

import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import dev.baton.ffi.Sched;
import dev.baton.virtqueue.VirtioNetHeader;
import java.util.concurrent.CompletableFuture;

/**
 * What copying a frame takes by itself: frame after frame, with their virtio-net headers, each on cache lines of its
 * own, from one large piece of memory to another, on the back end's CPU.
 */
final class CopyLimit implements Contender {
    private static final long AREA_BYTES = 32L << 20;
    private static final double SECONDS = 0.2;
    private static final double WARM_UP_SECONDS = 1;

    private final int bytes;
    private final int stride;
    private final int cpu;
    private final Mapping from = Mapping.anonymous(AREA_BYTES);
    private final Mapping to = Mapping.anonymous(AREA_BYTES);

    CopyLimit(int frameBytes, int cpu) {
        this.bytes = VirtioNetHeader.LENGTH + frameBytes;
        this.stride = bytes + 63 & -64;
        this.cpu = cpu;
        RawMemory.fill(from.address(), AREA_BYTES, (byte) 1);
    }

    @Override
    public String name() {
        return "copy of " + bytes + " bytes";
    }

    @Override
    public boolean isLimit() {
        return true;
    }

    @Override
    public Sample run(double seconds) {
        return onCpu(Math.min(seconds, SECONDS));
    }

    @Override
    public void warmUp() {
        onCpu(WARM_UP_SECONDS);
    }

    private Sample onCpu(double seconds) {
        CompletableFuture<Sample> sample = new CompletableFuture<>();
        Thread.ofPlatform().daemon().name("copy").start(() -> {
            Sched.setAffinity(cpu);
            sample.complete(copy((long) (seconds * 1e9)));
        });
        return sample.join();
    }

    private Sample copy(long forNs) {
        long frames = 0;
        long beganNs = System.nanoTime();
        long ns = 0;
        while (ns < forNs) {
            frames += copyAll();
            ns = System.nanoTime() - beganNs;
        }
        return Sample.of(Metric.FRAMES, frames * 1e9 / ns, Metric.CORE, (double) ns / frames);
    }

    private int copyAll() {
        int frames = (int) (AREA_BYTES / stride);
        for (int i = 0; i < frames; i++) {
            long at = (long) i * stride;
            RawMemory.copy(from.address() + at, to.address() + at, bytes);
        }
        return frames;
    }

    @Override
    public void close() {
        from.close();
        to.close();
    }
}
