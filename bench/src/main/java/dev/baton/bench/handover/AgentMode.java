package dev.baton.bench.handover;

import dev.baton.bench.BenchFailure;
import dev.baton.datapath.Blackout;
import dev.baton.datapath.Datapath;
import dev.baton.datapath.DatapathConfig;
import dev.baton.datapath.VhostUserPort;
import dev.baton.ffi.Sched;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * From agent to agent in one process: queue pairs move to the other of two CPUs and back, one after another. As many
 * moves as it takes to compile the code come before those that count.
 */
final class AgentMode {
    /** A move is not rehearsed: the first of a process are interpreted. */
    private static final int WARM_UP = 2000;

    private AgentMode() {
    }

    static ModeResult run(Place place, Options options) {
        int[] cpus = Sched.affinity();
        if (cpus.length < 2) {
            throw new BenchFailure("mode agents needs two CPUs");
        }
        Ends ends = place.ends(options);
        List<Gap> gaps = new ArrayList<>();
        List<Noise> windows = new ArrayList<>();
        DatapathConfig config = DatapathConfig.defaults().withCpus(Arrays.copyOf(cpus, 2));
        try (Datapath datapath = Datapath.launch(config); Load load = new Load(ends, options)) {
            VhostUserPort port = ends.wire(datapath, options);
            load.start();
            int[] owner = new int[options.lanes()];
            Arrays.setAll(owner, pair -> datapath.snapshot().wires().getFirst().lanes().get(pair).agent());
            NoiseMeter meter = new NoiseMeter();
            int all = WARM_UP + options.moves();
            for (int i = 0; i < all; i++) {
                place.progress("agents", i, all);
                int pair = i % options.lanes();
                owner[pair] = 1 - owner[pair];
                Noise before = meter.now();
                Blackout blackout = datapath.move(port, pair, owner[pair]);
                Noise noise = meter.now().since(before);
                if (i >= WARM_UP) {
                    windows.add(noise);
                    gaps.add(new Gap(blackout.ns(), blackout.firstFrameNs() == 0 ? -1
                        : blackout.firstFrameNs() - blackout.releasedNs(), noise.any()));
                }
            }
            return new ModeResult("agents", "agent to agent in one process", options.moves(), gaps, load.finish(),
                List.of(), windows);
        }
    }
}
