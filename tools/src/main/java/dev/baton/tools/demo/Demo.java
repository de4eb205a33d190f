package dev.baton.tools.demo;

import dev.baton.datapath.Datapath;
import dev.baton.datapath.DatapathException;
import dev.baton.datapath.MemoryPortConfig;
import dev.baton.datapath.Port;
import dev.baton.datapath.TapPortConfig;
import dev.baton.datapath.VhostUserPortConfig;
import dev.baton.ffi.Fd;
import dev.baton.ffi.NetworkNamespace;
import dev.baton.ffi.SyscallException;
import dev.baton.tools.json.JsonReader;
import dev.baton.tools.traffic.Arrivals;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The demo.
 *
 * <pre>
 *   second process                    this process                         private network namespace
 *   virtio driver, small host  ---  Baton: guest == baton0  ---  TAP, 2 queues  ---  the kernel's IP stack
 *            vhost-user socket, memfd                                                UDP sockets of this process
 * </pre>
 *
 * <p>In the middle of the traffic Baton's part moves to another process, and from that to one more, see
 * {@link Handovers}.
 *
 * <p>The namespace has no name and the TAP is not persistent: both go with this process, whatever ends it. So does the
 * guest, at the end of its input. Only the socket lies in the file system, in a directory that {@link #close} removes.
 */
public final class Demo implements AutoCloseable {
    private static final int PATIENCE_SECONDS = 30;
    private static final long LATE_FRAMES_NS = 100_000_000L;

    private final BooleanSupplier stop;
    private final Consumer<String> progress;
    private final Path folder;
    private final boolean useKernel;
    private final Datapath datapath;
    private @Nullable Fd namespace;
    private final Handovers handovers;
    private @Nullable DemoProcess guest;
    private @Nullable FarSide far;

    private Demo(BooleanSupplier stop, Consumer<String> progress, Path folder, boolean useKernel, Datapath datapath) {
        this.useKernel = useKernel;
        this.stop = stop;
        this.progress = progress;
        this.folder = folder;
        this.datapath = datapath;
        this.handovers = new Handovers(folder, stop);
    }

    /**
     * Launches the datapath.
     *
     * @param stop      true when the user has had enough
     * @param progress  is told what happens, line by line
     * @param useKernel false: in-memory ports even where a TAP could be had
     * @return the demo, to be run once and closed
     * @throws IOException when there is no place for the socket
     */
    public static Demo launch(BooleanSupplier stop, Consumer<String> progress, boolean useKernel)
            throws IOException {
        Path folder = Files.createTempDirectory(folderPrefix());
        try {
            return new Demo(stop, progress, folder, useKernel, Datapath.launch(Handovers.config(!useKernel)));
        } catch (RuntimeException e) {
            Files.delete(folder);
            throw e;
        }
    }

    /** Tells whose folder it is, so that a leftover can be told from a demo that runs. */
    static String folderPrefix() {
        return "baton-demo-" + ProcessHandle.current().pid() + "-";
    }

    /**
     * Runs the traffic.
     *
     * @param seconds how long the bulk takes
     * @return what was measured
     * @throws DemoException when something on the way failed
     */
    public DemoResult run(int seconds) throws DemoException {
        Path socket = folder.resolve("guest.sock");
        Port guestPort = datapath.add(VhostUserPortConfig.listen("guest", socket).withQueuePairs(Plan.QUEUE_PAIRS));
        FarSide farSide = useKernel ? kernel() : null;
        boolean kernel = farSide != null;
        if (farSide == null) {
            farSide = new MemorySide(
                    datapath.add(new MemoryPortConfig("memory", Plan.QUEUE_PAIRS, 256)));
        }
        far = farSide;
        Port farPort = datapath.ports().getLast();
        datapath.wire(guestPort, farPort);
        progress.accept("wired       " + guestPort.describe() + " = " + farPort.describe());
        DemoProcess process = DemoProcess.start("guest", List.of("demo-guest", socket.toString()));
        guest = process;
        Object ready = process.expect(Plan.READY, PATIENCE_SECONDS, stop);
        String guestDescription = guestPort.describe();
        String farDescription = farPort.describe();
        progress.accept("guest       pid " + process.pid() + ", " + datapath.state(guestPort));
        farSide.start();

        // The far side first: it does not know the guest's address yet and has to ask for it.
        int farPinged = farSide.pingGuest(Plan.PINGS);
        process.order(Plan.PING, String.valueOf(Plan.PINGS));
        Object pinged = process.expect(Plan.PINGED, 2 * PATIENCE_SECONDS, stop);
        progress.accept("ping        guest to " + farName(kernel) + " " + JsonReader.number(pinged, "answered") + " of "
                + JsonReader.number(pinged, "sent") + ", " + farName(kernel) + " to guest " + farPinged + " of "
                + Plan.PINGS);

        progress.accept("bulk        " + seconds + " s of UDP both ways, " + Plan.QUEUE_PAIRS + " flows, at most "
                + Plan.WINDOW + " frames of a flow on the way");
        if (kernel) {
            handovers.start();
        }
        long startNs = System.nanoTime();
        long deadlineNs = startNs + TimeUnit.SECONDS.toNanos(seconds);
        farSide.bulk(deadlineNs);
        process.order(Plan.BULK, String.valueOf(deadlineNs));
        handOver(guestPort, kernel, TimeUnit.SECONDS.toNanos(seconds));
        process.expect(Plan.SETTLED, seconds + PATIENCE_SECONDS, stop);
        while (!farSide.isSettled()) {
            pause(1_000_000);
        }
        pause(LATE_FRAMES_NS);
        process.order(Plan.FINISH);
        Object done = process.expect(Plan.DONE, PATIENCE_SECONDS, stop);
        FarSide.Result farResult = farSide.finish();
        return new DemoResult(kernel, seconds, JsonReader.text(ready, "features"), guestDescription,
                farDescription, handovers.done(), pinged, farPinged, JsonReader.number(done, "arpAnswered").longValue(),
                new DemoResult.Direction(JsonReader.number(done, "sent").longValue(), farResult.arrivals()),
                new DemoResult.Direction(farResult.sent(), Arrivals.ofTree(JsonReader.at(done, "arrivals"))));
    }

    /** Handovers, spread over the time of the bulk. */
    private void handOver(Port guestPort, boolean kernel, long bulkNs) throws DemoException {
        if (!kernel) {
            pause(bulkNs / 3);
            handovers.move(datapath, guestPort);
            return;
        }
        while (handovers.hasNext()) {
            pause(bulkNs / (2L * Plan.TAKEOVERS + 1));
            handovers.takeOver(datapath);
        }
    }

    private static String farName(boolean kernel) {
        return kernel ? "kernel" : "memory";
    }

    private void pause(long ns) throws DemoException {
        if (stop.getAsBoolean()) {
            throw new DemoException("interrupted");
        }
        LockSupport.parkNanos(ns);
    }

    /** The kernel behind a TAP in a fresh namespace; null, and a line that says why, where there is none. */
    private @Nullable FarSide kernel() {
        try {
            Fd fresh = NetworkNamespace.create();
            namespace = fresh;
            datapath.add(TapPortConfig.named(Plan.TAP).withQueuePairs(Plan.QUEUE_PAIRS)
                    .withNetns("/proc/self/fd/" + fresh.value()));
            return new KernelSide(fresh);
        } catch (SyscallException | DatapathException e) {
            progress.accept("no TAP here (" + e.getMessage() + "): using an in-memory port in its place");
            return null;
        }
    }

    /** Ends the guest, the far side and the datapath, and removes what they left. */
    @Override
    public void close() throws IOException {
        DemoProcess process = guest;
        if (process != null) {
            process.close();
        }
        FarSide farSide = far;
        if (farSide != null) {
            farSide.close();
        }
        datapath.close();
        handovers.close();
        Fd fresh = namespace;
        if (fresh != null) {
            fresh.close();
        }
        Files.deleteIfExists(folder);
    }
}
