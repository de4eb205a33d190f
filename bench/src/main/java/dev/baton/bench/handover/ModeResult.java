package dev.baton.bench.handover;

import java.util.List;
import java.util.function.ToLongFunction;
import org.HdrHistogram.Histogram;

/**
 * What a mode measured.
 *
 * @param mode       its name
 * @param what       whose gap it is, for people
 * @param handovers  how often everything changed its owner
 * @param gaps       a gap for each lane that changed its owner
 * @param frames     what became of the frames
 * @param brownoutNs how long the handovers were prepared for, with traffic; empty where nothing is prepared
 * @param windows    what disturbed the handovers, each in the time in which its lanes changed; empty where that was
 *     not looked for
 */
record ModeResult(String mode, String what, int handovers, List<Gap> gaps, FrameCount frames,
                  List<Long> brownoutNs, List<Noise> windows) {
    ModeResult {
        gaps = List.copyOf(gaps);
        brownoutNs = List.copyOf(brownoutNs);
        windows = List.copyOf(windows);
    }

    /** The gaps of all handovers. */
    Histogram all() {
        return histogram(gaps, Gap::ns);
    }

    /** The gaps of undisturbed handovers. */
    Histogram undisturbed() {
        return histogram(gaps.stream().filter(gap -> !gap.disturbed()).toList(), Gap::ns);
    }

    /** To the end of the first burst that moved a frame, where that is known. */
    Histogram firstFrames() {
        return histogram(gaps.stream().filter(gap -> gap.firstFrame() >= 0).toList(), Gap::firstFrame);
    }

    /** The times of preparation. */
    Histogram brownout() {
        Histogram histogram = new Histogram(3);
        brownoutNs.forEach(histogram::recordValue);
        return histogram;
    }

    /** Involuntary context switches in a window, on average. */
    double switchesPerWindow() {
        return windows.stream().mapToLong(Noise::switches).average().orElse(0);
    }

    /** Windows in which time was stolen. */
    long windowsWithSteal() {
        return windows.stream().filter(noise -> noise.stealTicks() > 0).count();
    }

    private static Histogram histogram(List<Gap> of, ToLongFunction<Gap> value) {
        Histogram histogram = new Histogram(3);
        of.forEach(gap -> histogram.recordValue(value.applyAsLong(gap)));
        return histogram;
    }
}
