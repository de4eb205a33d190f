package dev.baton.bench.handover;

import dev.baton.tools.json.JsonReader;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/**
 * From a dead process to its standby: the owner is killed under load, and the process that stands by goes on. Each gap
 * begins with the last duty cycle that the dead owner's agent told of. The next standby is a new process, for the last
 * one is the owner now.
 */
final class KilledMode {
    /** The new standby's compilers are done by then; one that has stood by for minutes is no slower. */
    private static final long SETTLED_NS = 2_000_000_000;

    private KilledMode() {
    }

    static ModeResult run(Place place, Options options) {
        Ends ends = place.ends(options);
        List<Gap> gaps = new ArrayList<>();
        List<OwnerProcess> owners = new ArrayList<>();
        try (Load load = new Load(ends, options)) {
            OwnerProcess owner = start(place, owners);
            owner.launch(ends, options);
            load.start();
            for (int i = 0; i < options.kills(); i++) {
                place.progress("killed", i, options.kills());
                OwnerProcess standby = start(place, owners);
                owner.order("attend");
                owner.answer();
                standby.order("stand", owner.socket());
                standby.answer();
                LockSupport.parkNanos(SETTLED_NS);
                owner.kill();
                gaps.addAll(ProcessMode.gaps(JsonReader.at(standby.answer(), "blackouts"), false));
                owner = standby;
            }
            return new ModeResult("killed", "the owner killed, its standby goes on", options.kills(), gaps,
                load.finish(), List.of(), List.of());
        } finally {
            owners.forEach(OwnerProcess::close);
        }
    }

    private static OwnerProcess start(Place place, List<OwnerProcess> owners) {
        OwnerProcess owner = OwnerProcess.start(place.socket("killed-" + owners.size()));
        owners.add(owner);
        place.own(owner);
        owner.answer();
        return owner;
    }
}
