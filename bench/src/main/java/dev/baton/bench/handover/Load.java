package dev.baton.bench.handover;

import dev.baton.bench.BenchFailure;
import dev.baton.ffi.Fd;
import dev.baton.ffi.NetworkNamespace;
import dev.baton.tools.traffic.FramePort;
import dev.baton.tools.traffic.VirtioNic;
import dev.baton.vhostuser.ProtocolException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Two guests, each behind a vhost-user socket, or a guest and the kernel behind a TAP, that send each other numbered
 * frames at a steady rate on all queue pairs, both ways. One thread plays both.
 *
 * <p>Theory of operation. The sender is paced by the clock and sleeps in between, so that it takes little of a CPU
 * that the owners need. A full ring holds it up, and it catches up later: frames that do not fit are not sent, so none
 * is lost where it was not taken. What was sent and has not arrived when all is quiet at the end is lost.
 */
final class Load implements AutoCloseable {
    private static final long NAP_NS = 200_000;
    private static final int BURST = 64;
    private static final long QUIET_NS = 2_000_000_000L;
    private static final int PATIENCE_SECONDS = 30;

    private final Ends ends;
    private final int lanes;
    private final int framesPerSecond;
    private final List<Flow> there = new ArrayList<>();
    private final List<Flow> back = new ArrayList<>();
    private final CompletableFuture<FrameCount> result = new CompletableFuture<>();
    private final Thread thread = Thread.ofPlatform().daemon().name("load").unstarted(this::run);
    private final List<VirtioNic> nics = new ArrayList<>();
    private List<FramePort> portsA = List.of();
    private List<FramePort> portsB = List.of();
    private @Nullable PacketPort kernel;
    private int turn;
    private volatile boolean finishing;
    private volatile boolean stopped;
    private volatile @Nullable Request request;

    private record Request(Supplier<Long> task, CompletableFuture<Long> done) {
    }

    Load(Ends ends, Options options) {
        this.ends = ends;
        this.lanes = options.lanes();
        this.framesPerSecond = options.framesPerSecond();
        for (int i = 0; i < lanes; i++) {
            there.add(new Flow(2 * i, options.frameBytes()));
            back.add(new Flow(2 * i + 1, options.frameBytes()));
        }
    }

    /** Connects both guests and lets the frames flow. */
    void start() {
        connect();
        thread.start();
    }

    private void connect() {
        try {
            portsA = connect(ends.guest());
            portsB = ends.far().isTap() ? List.of(kernel()) : connect(Path.of(ends.far().where()));
        } catch (ProtocolException e) {
            throw new BenchFailure("a guest could not connect: " + e.getMessage(), e);
        }
    }

    private List<FramePort> connect(Path socket) throws ProtocolException {
        VirtioNic nic = VirtioNic.connect(socket, lanes);
        nics.add(nic);
        return nic.ports();
    }

    /** The TAP stays when its owner goes, and so does what is at its other side. */
    private PacketPort kernel() {
        PacketPort open = kernel;
        if (open == null) {
            try (Fd namespace = NetworkNamespace.open(ends.far().where())) {
                open = PacketPort.open(namespace, FarEnd.TAP, Flow.ETHERTYPE);
                kernel = open;
            }
        }
        return open;
    }

    private void disconnect() {
        nics.forEach(VirtioNic::close);
        nics.clear();
    }

    /** Runs something on the load's thread, between two steps, as its guests' owner. */
    long call(Supplier<Long> task) {
        Request asked = new Request(task, new CompletableFuture<>());
        request = asked;
        return await(asked.done);
    }

    /** For {@link #call}: both guests lose their connection, and find another back end when the task has made one. */
    void reconnect(Runnable between) {
        disconnect();
        between.run();
        connect();
    }

    /** For {@link #call}: both guests keep their connection, stop their rings, and start them when the task is done. */
    void restartRings(Runnable between) {
        Runnable change = between;
        // Within each other: all are without a back end while the task runs.
        for (VirtioNic nic : nics) {
            Runnable inner = change;
            change = () -> changeBackEnd(nic, inner);
        }
        change.run();
    }

    private static void changeBackEnd(VirtioNic nic, Runnable between) {
        try {
            nic.changeBackEnd(between);
        } catch (ProtocolException e) {
            throw new BenchFailure("a guest was refused: " + e.getMessage(), e);
        }
    }

    /** For {@link #call}: the longest time without a frame, over the flows, since the last call of this. */
    long takeArrivalGapNs() {
        long longest = 0;
        for (int i = 0; i < lanes; i++) {
            longest = Math.max(longest, Math.max(there.get(i).takeArrivalGapNs(), back.get(i).takeArrivalGapNs()));
        }
        return longest;
    }

    /** Stops sending, waits for what is on its way, and counts. */
    FrameCount finish() {
        finishing = true;
        return await(result);
    }

    private static <T> T await(CompletableFuture<T> future) {
        try {
            return future.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            throw new BenchFailure("the load failed: " + e.getCause(), e);
        } catch (TimeoutException e) {
            throw new BenchFailure("the load does not come to an end", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BenchFailure("interrupted", e);
        }
    }

    private void run() {
        try {
            long startNs = System.nanoTime();
            long offered = 0;
            long quietSinceNs = startNs;
            while (!stopped) {
                long nowNs = System.nanoTime();
                if (finishing) {
                    if (count().lost() == 0 || nowNs - quietSinceNs > QUIET_NS) {
                        break;
                    }
                } else {
                    long due = (long) ((nowNs - startNs) * 1e-9 * framesPerSecond);
                    // What a stall has held up is not offered later: the rate is a rate, not a debt.
                    offer((int) Math.min(due - offered, (long) lanes * BURST));
                    offered = due;
                }
                if (receive() > 0) {
                    quietSinceNs = nowNs;
                }
                serve();
                LockSupport.parkNanos(NAP_NS);
            }
            result.complete(count());
        } catch (RuntimeException e) {
            result.completeExceptionally(e);
            Request open = request;
            if (open != null) {
                open.done.completeExceptionally(e);
            }
        }
    }

    private void serve() {
        Request open = request;
        if (open != null) {
            request = null;
            try {
                open.done.complete(open.task.get());
            } catch (RuntimeException e) {
                open.done.completeExceptionally(e);
            }
        }
    }

    private void offer(int frames) {
        for (int i = 0; i < frames; i++) {
            int lane = turn / 2 % lanes;
            if (turn % 2 == 0) {
                there.get(lane).send(portsA.get(lane));
            } else {
                back.get(lane).send(portsB.get(lane));
            }
            turn = (turn + 1) % (2 * lanes);
        }
    }

    private int receive() {
        int frames = 0;
        for (int i = 0; i < lanes; i++) {
            frames += portsB.get(i).receive(there.get(i), BURST);
            frames += portsA.get(i).receive(back.get(i), BURST);
            portsA.get(i).flush();
            portsB.get(i).flush();
        }
        return frames;
    }

    private FrameCount count() {
        FrameCount all = FrameCount.NONE;
        for (int i = 0; i < lanes; i++) {
            all = all.plus(there.get(i).count()).plus(back.get(i).count());
        }
        return all;
    }

    @Override
    public void close() {
        stopped = true;
        try {
            thread.join(TimeUnit.SECONDS.toMillis(PATIENCE_SECONDS));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        disconnect();
        if (kernel != null) {
            kernel.close();
        }
    }
}
