package dev.baton.bench.handover;

import dev.baton.bench.BenchFailure;
import dev.baton.datapath.Datapath;
import dev.baton.datapath.DatapathConfig;
import dev.baton.datapath.HandoverOptions;
import dev.baton.ffi.Fd;
import dev.baton.ffi.UnixSocket;
import dev.baton.handover.HandoverException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.LockSupport;

/**
 * The other ways, for comparison: a datapath stops, and another one begins. Each is given every advantage: no JVM
 * starts, the code is compiled, and the guests do their part without a pause. A gap is the longest time in which a flow
 * saw no frame, from the receiver's clock.
 */
final class RestartMode {
    private static final long SETTLED_NS = 20_000_000;

    private final Place place;
    private final Options options;
    private final Ends ends;
    private Datapath datapath;

    private RestartMode(Place place, Options options) {
        this.place = place;
        this.options = options;
        this.ends = place.ends(options);
        this.datapath = launch();
    }

    /** Nothing is handed on: the datapath is closed and launched anew, and the guests connect anew. */
    static ModeResult plain(Place place, Options options) {
        RestartMode mode = new RestartMode(place, options);
        return mode.run("plain", "closed, launched anew, guests reconnect",
            load -> load.reconnect(mode::closeAndLaunch));
    }

    /** The descriptors are handed on, the connections among them; the guests stop their rings and set them up anew. */
    static ModeResult passed(Place place, Options options) {
        RestartMode mode = new RestartMode(place, options);
        return mode.run("passed", "rings stopped, descriptors passed, rings set up anew",
            load -> load.restartRings(mode::pass));
    }

    /** What is done once, on the load's thread. */
    private interface Change {
        void in(Load load);
    }

    private ModeResult run(String name, String what, Change change) {
        List<Gap> gaps = new ArrayList<>();
        try (Load load = new Load(ends, options)) {
            load.start();
            LockSupport.parkNanos(SETTLED_NS);
            for (int i = 0; i < options.plain(); i++) {
                place.progress(name, i, options.plain());
                load.call(() -> {
                    load.takeArrivalGapNs();
                    change.in(load);
                    return 0L;
                });
                LockSupport.parkNanos(SETTLED_NS);
                gaps.add(new Gap(load.call(load::takeArrivalGapNs), -1, false));
            }
            return new ModeResult(name, what, options.plain(), gaps, load.finish(), List.of(), List.of());
        } finally {
            datapath.close();
        }
    }

    private Datapath launch() {
        Datapath launched = Datapath.launch(DatapathConfig.defaults());
        ends.wire(launched, options);
        return launched;
    }

    private void closeAndLaunch() {
        datapath.close();
        datapath = launch();
    }

    private void pass() {
        HandoverOptions handover = HandoverOptions.defaults().withBackendTransfer(true).withRehearsals(0);
        Fd[] channel = UnixSocket.pair(UnixSocket.STREAM);
        Datapath old = datapath;
        CompletableFuture<Void> left = new CompletableFuture<>();
        Thread.ofPlatform().daemon().name("old-owner").start(() -> {
            try {
                old.handOver(channel[0], handover);
                left.complete(null);
            } catch (HandoverException | RuntimeException e) {
                left.completeExceptionally(e);
            }
        });
        try {
            datapath = Datapath.takeOver(channel[1], handover).datapath();
        } catch (HandoverException e) {
            throw new BenchFailure("descriptors were not passed: " + e.getMessage(), e);
        }
        left.join();
    }
}
