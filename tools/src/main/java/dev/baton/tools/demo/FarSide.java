package dev.baton.tools.demo;

import dev.baton.tools.traffic.Arrivals;
import dev.baton.tools.traffic.Bulk;
import dev.baton.tools.traffic.Flow;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * What is behind Baton's other port: this kernel, or a host in memory. It works on a thread of its own.
 *
 * <p>A subclass opens what it needs in {@link #open}, on that thread, and closes it in {@link #shut}, on it too.
 */
abstract class FarSide implements AutoCloseable {
    private static final int SPINS_BEFORE_SLEEP = 50;
    private static final int PATIENCE_SECONDS = 20;

    private final CompletableFuture<Integer> opened = new CompletableFuture<>();
    private final CompletableFuture<Integer> pinged = new CompletableFuture<>();
    private final CompletableFuture<Result> result = new CompletableFuture<>();
    private final Thread thread;
    private volatile int pingsWanted;
    private volatile long deadlineNs;
    private volatile boolean started;
    private volatile boolean settled;
    private volatile boolean stop;

    /**
     * What this side has done.
     *
     * @param sent     data frames sent
     * @param arrivals what arrived
     */
    record Result(long sent, Arrivals arrivals) {
    }

    FarSide(String threadName) {
        thread = Thread.ofPlatform().daemon().name(threadName).unstarted(this::work);
    }

    abstract void open() throws IOException;

    /** Pings the guest; returns how many answers came. */
    abstract int ping(int count) throws IOException;

    abstract int step() throws IOException;

    abstract void sleep() throws IOException;

    abstract void sending(boolean on);

    abstract List<Flow> flows();

    abstract void shut() throws IOException;

    final void start() throws DemoException {
        thread.start();
        await(opened);
    }

    final int pingGuest(int count) throws DemoException {
        pingsWanted = count;
        return await(pinged);
    }

    final void bulk(long untilNs) {
        deadlineNs = untilNs;
        started = true;
    }

    final boolean isSettled() {
        return settled;
    }

    final Result finish() throws DemoException {
        stop = true;
        return await(result);
    }

    private static <T> T await(CompletableFuture<T> future) throws DemoException {
        try {
            return future.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new DemoException("interrupted");
        } catch (ExecutionException e) {
            throw new DemoException("the far side failed: " + e.getCause());
        } catch (TimeoutException e) {
            throw new DemoException("the far side did not answer within " + PATIENCE_SECONDS + " s");
        }
    }

    private void work() {
        try {
            open();
            opened.complete(0);
            loop();
            result.complete(new Result(flows().stream().mapToLong(Flow::sentFrames).sum(), Arrivals.of(flows())));
            shut();
        } catch (IOException | RuntimeException e) {
            opened.completeExceptionally(e);
            pinged.completeExceptionally(e);
            result.completeExceptionally(e);
        }
    }

    private void loop() throws IOException {
        Bulk bulk = null;
        int idle = 0;
        while (!stop) {
            if (pingsWanted > 0) {
                int count = pingsWanted;
                pingsWanted = 0;
                pinged.complete(ping(count));
            }
            if (started) {
                bulk = bulk == null ? new Bulk(flows(), deadlineNs) : bulk;
                long nowNs = System.nanoTime();
                sending(bulk.sending(nowNs));
                settled = bulk.settled(nowNs);
            }
            idle = step() == 0 ? idle + 1 : 0;
            if (idle > SPINS_BEFORE_SLEEP) {
                sleep();
                idle = 0;
            }
        }
    }

    /** Ends the thread. */
    @Override
    public void close() {
        stop = true;
        try {
            thread.join(TimeUnit.SECONDS.toMillis(PATIENCE_SECONDS));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** For a subclass whose state exists once it was opened. */
    static <T> T opened(@Nullable T state) {
        if (state == null) {
            throw new IllegalStateException("not opened");
        }
        return state;
    }
}
