package dev.baton.bench.handover;

import dev.baton.datapath.Blackout;
import dev.baton.datapath.Datapath;
import dev.baton.datapath.DatapathConfig;
import dev.baton.datapath.VhostUserPort;
import dev.baton.ffi.Sched;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** From agent to agent in one process: queue pairs move to the other of two CPUs and back, one after another. */
final class AgentMode {
    private AgentMode() {
    }

    static ModeResult run(Place place, Options options) {
        int[] cpus = Sched.affinity();
        if (cpus.length < 2) {
            throw new BenchFailure("mode agents needs two CPUs");
        }
        Path a = place.socket("a");
        Path b = place.socket("b");
        List<Gap> gaps = new ArrayList<>();
        DatapathConfig config = DatapathConfig.defaults().withCpus(Arrays.copyOf(cpus, 2));
        try (Datapath datapath = Datapath.launch(config); Load load = new Load(a, b, options)) {
            VhostUserPort port = Owner.wire(datapath, a, b, options.lanes());
            load.start();
            int[] owner = new int[options.lanes()];
            Arrays.setAll(owner, pair -> datapath.snapshot().wires().getFirst().lanes().get(pair).agent());
            for (int i = 0; i < options.moves(); i++) {
                place.progress("agents", i, options.moves());
                int pair = i % options.lanes();
                owner[pair] = 1 - owner[pair];
                Noise before = Noise.now();
                Blackout blackout = datapath.move(port, pair, owner[pair]);
                boolean disturbed = Noise.now().since(before).any();
                gaps.add(new Gap(blackout.ns(), blackout.firstFrameNs() == 0 ? -1
                    : blackout.firstFrameNs() - blackout.releasedNs(), disturbed));
            }
            return new ModeResult("agents", "agent to agent in one process", options.moves(), gaps, load.finish(),
                List.of(), options.moves());
        }
    }
}
