package dev.baton.bench.handover;

import dev.baton.datapath.Datapath;
import dev.baton.datapath.DatapathConfig;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/**
 * The plain way, for comparison: the datapath is closed and another one launched, and the guests connect anew. It is
 * given every advantage: no JVM starts, the code is compiled, and the guests reconnect without a pause. A gap is the
 * longest time in which a flow saw no frame, from the receiver's clock.
 */
final class PlainMode {
    private static final long SETTLED_NS = 20_000_000;

    private PlainMode() {
    }

    static ModeResult run(Place place, Options options) {
        Path a = place.socket("a");
        Path b = place.socket("b");
        List<Gap> gaps = new ArrayList<>();
        Datapath[] datapath = {launch(a, b, options)};
        try (Load load = new Load(a, b, options)) {
            load.start();
            LockSupport.parkNanos(SETTLED_NS);
            for (int i = 0; i < options.plain(); i++) {
                place.progress("plain", i, options.plain());
                load.call(() -> {
                    load.takeArrivalGapNs();
                    load.reconnect(() -> {
                        datapath[0].close();
                        datapath[0] = launch(a, b, options);
                    });
                    return 0L;
                });
                LockSupport.parkNanos(SETTLED_NS);
                gaps.add(new Gap(load.call(load::takeArrivalGapNs), -1, false));
            }
            return new ModeResult("plain", "closed, launched anew, guests reconnect", options.plain(), gaps,
                load.finish(), List.of(), List.of());
        } finally {
            datapath[0].close();
        }
    }

    private static Datapath launch(Path a, Path b, Options options) {
        Datapath launched = Datapath.launch(DatapathConfig.defaults());
        Owner.wire(launched, a, b, options.lanes());
        return launched;
    }
}
