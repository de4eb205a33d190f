package dev.baton.bench.handover;

import dev.baton.tools.json.JsonReader;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * From process to process. The first of them makes the datapath, each next one takes it over from the one before, under
 * load. Either every owner is a process that has just been started, started while the one before it carries traffic;
 * or a few processes take turns, which takes a fraction of a second each instead of a JVM's start.
 */
final class ProcessMode {
    private final Place place;
    private final Options options;
    private final List<OwnerProcess> owners = new ArrayList<>();
    private final List<Gap> gaps = new ArrayList<>();
    private final List<Noise> windows = new ArrayList<>();
    private final List<Long> brownouts = new ArrayList<>();
    private int started;

    private ProcessMode(Place place, Options options) {
        this.place = place;
        this.options = options;
    }

    /** Each owner a new process. */
    static ModeResult fresh(Place place, Options options) {
        return new ProcessMode(place, options).run("fresh", "process to process, each newly started", options.fresh(),
            true);
    }

    /** Two processes in turn. */
    static ModeResult turns(Place place, Options options) {
        return new ProcessMode(place, options).run("turns", "process to process, two in turn", options.handovers(),
            false);
    }

    private ModeResult run(String mode, String what, int handovers, boolean fresh) {
        Ends ends = place.ends(options);
        try (Load load = new Load(ends, options)) {
            OwnerProcess owner = start();
            OwnerProcess next = start();
            owner.launch(ends, options);
            load.start();
            for (int i = 0; i < handovers; i++) {
                place.progress(mode, i, handovers);
                handOver(owner, next);
                if (fresh) {
                    owner.close();
                    owners.remove(owner);
                }
                OwnerProcess former = owner;
                owner = next;
                if (i + 1 < handovers) {
                    next = fresh ? start() : former;
                }
            }
            FrameCount frames = load.finish();
            return new ModeResult(mode, what, handovers, gaps, frames, brownouts, windows);
        } finally {
            owners.forEach(OwnerProcess::close);
        }
    }

    private OwnerProcess start() {
        OwnerProcess owner = OwnerProcess.start(place.socket("owner-" + started++));
        owners.add(owner);
        place.own(owner);
        owner.answer();
        return owner;
    }

    private void handOver(OwnerProcess from, OwnerProcess to) {
        from.order("give");
        to.order("take", from.socket());
        Object taken = to.answer();
        Object given = from.answer();
        Noise noise = noise(taken).with(noise(given));
        windows.add(noise);
        gaps.addAll(gaps(JsonReader.at(taken, "blackouts"), noise.any()));
        brownouts.add(JsonReader.number(taken, "brownoutNs").longValue());
    }

    /** The gaps of an owner's answer, one for each lane. */
    static List<Gap> gaps(@Nullable Object blackouts, boolean disturbed) {
        List<Gap> gaps = new ArrayList<>();
        if (blackouts instanceof List<?> lanes) {
            for (Object lane : lanes) {
                List<?> times = (List<?>) lane;
                gaps.add(new Gap(number(times.get(0)), number(times.get(1)), disturbed));
            }
        }
        return gaps;
    }

    private static Noise noise(@Nullable Object answer) {
        return new Noise(JsonReader.number(answer, "switches").longValue(),
            JsonReader.number(answer, "stealTicks").longValue());
    }

    private static long number(@Nullable Object value) {
        return value instanceof Number number ? number.longValue() : -1;
    }
}
