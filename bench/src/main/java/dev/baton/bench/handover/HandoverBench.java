package dev.baton.bench.handover;

import dev.baton.bench.BenchCommand;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** {@code bench/handover}: see docs/performance.md. */
@Command(name = "bench/handover", sortOptions = false, usageHelpAutoWidth = true,
    description = {"Hands traffic from owner to owner and measures its pauses, side by side with other ways.", ""},
    footer = {"", "Modes, all of them unless --only names one:",
        "  limit    one cache line between two CPUs: no handover can be faster",
        "  agents   agent to agent in one process",
        "  turns    process to process; two processes take turns",
        "  fresh    process to process; each owner is a process that has just been started",
        "  killed   the owner is killed and its standby goes on; at most the burst it died in is lost or repeated",
        "  passed   the rings stop, the descriptors are passed on, the rings are set up anew",
        "  plain    no handover: the datapath is closed and launched anew, the guests reconnect",
        "", "Exit status: 0; 1 when it failed or a planned handover lost, repeated or reordered a frame; 2 usage."})
public final class HandoverBench implements Callable<Integer> {
    private static final List<String> MODES = List.of("limit", "agents", "turns", "fresh", "killed", "passed", "plain");
    private static final int LANES = 4;
    private static final List<String> UNPLANNED = List.of("killed", "passed", "plain");

    @Option(names = "--handovers", paramLabel = "N", defaultValue = "1000",
        description = "Changes of the process in mode turns (${DEFAULT-VALUE}).")
    private int handovers;

    @Option(names = "--fresh", paramLabel = "N", defaultValue = "20",
        description = "Changes of the process in mode fresh (${DEFAULT-VALUE}); each takes a JVM's start.")
    private int fresh;

    @Option(names = "--moves", paramLabel = "N", defaultValue = "2000",
        description = "Changes of the agent in mode agents (${DEFAULT-VALUE}).")
    private int moves;

    @Option(names = "--plain", paramLabel = "N", defaultValue = "20",
        description = "Restarts in modes passed and plain (${DEFAULT-VALUE}).")
    private int plain;

    @Option(names = "--kills", paramLabel = "N", defaultValue = "10",
        description = "Owners killed in mode killed (${DEFAULT-VALUE}); each takes a JVM's start.")
    private int kills;

    @Option(names = "--rounds", paramLabel = "N", defaultValue = "1000000",
        description = "Round trips in mode limit (${DEFAULT-VALUE}).")
    private int rounds;

    @Option(names = "--lanes", paramLabel = "N",
        description = "Queue pairs; each changes its owner by itself, and gives a gap (4; with --tap 1).")
    private @Nullable Integer lanes;

    @Option(names = "--rate", paramLabel = "N", defaultValue = "100000",
        description = "Frames a second, all queue pairs, both directions (${DEFAULT-VALUE}).")
    private int rate;

    @Option(names = "--frame-bytes", paramLabel = "N", defaultValue = "64",
        description = "Bytes of an Ethernet frame, 60 to 1514 (${DEFAULT-VALUE}).")
    private int frameBytes;

    @Option(names = "--tap", description = "The guest talks to the kernel behind a TAP, in a network namespace of the "
        + "run's own, instead of another guest; one queue pair. Needs root.")
    private boolean tap;

    @Option(names = "--only", paramLabel = "MODE", description = "One mode; may be given again.")
    private List<String> only = List.of();

    @Option(names = "--json", paramLabel = "FILE", description = "Writes the results there.")
    private @Nullable Path json;

    @Option(names = "--svg", paramLabel = "FILE", description = "Draws the percentiles there.")
    private @Nullable Path svg;

    @SuppressWarnings("UnusedVariable") // picocli reads it
    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Shows this.")
    private boolean help;

    @CommandLine.Spec
    private CommandLine.Model.@Nullable CommandSpec spec;

    /** The command. */
    public static void main(String[] arguments) {
        BenchCommand.run(new HandoverBench(), List.of(), arguments);
    }

    @SuppressWarnings("ClosingStandardOutputStreams") // a place writes there and does not close it
    @Override
    public Integer call() throws IOException {
        Options options = options();
        List<ModeResult> results = new ArrayList<>();
        try (Place place = Place.create(System.err)) {
            for (String mode : MODES) {
                if (only.isEmpty() || only.contains(mode)) {
                    results.add(run(mode, place, options));
                }
            }
        }
        System.err.print("\r");
        Report report = new Report(options, results);
        System.out.print(report.table());
        if (json != null) {
            Files.writeString(json, report.json());
        }
        if (svg != null) {
            Files.writeString(svg, Plot.of(report.load(), results));
        }
        boolean clean = results.stream().filter(result -> !UNPLANNED.contains(result.mode()))
            .allMatch(result -> result.frames().clean());
        return clean ? 0 : 1;
    }

    private static ModeResult run(String mode, Place place, Options options) {
        return switch (mode) {
            case "limit" -> CacheLineMode.run(options);
            case "agents" -> AgentMode.run(place, options);
            case "turns" -> ProcessMode.turns(place, options);
            case "fresh" -> ProcessMode.fresh(place, options);
            case "killed" -> KilledMode.run(place, options);
            case "passed" -> RestartMode.passed(place, options);
            case "plain" -> RestartMode.plain(place, options);
            default -> throw new IllegalArgumentException(mode);
        };
    }

    private Options options() {
        for (String mode : only) {
            if (!MODES.contains(mode)) {
                throw refusal("--only " + mode + ": there is " + String.join(", ", MODES));
            }
        }
        within("--handovers", handovers, 1, 1_000_000);
        within("--fresh", fresh, 1, 100_000);
        within("--kills", kills, 1, 100_000);
        within("--plain", plain, 1, 100_000);
        within("--moves", moves, 1, 10_000_000);
        within("--rounds", rounds, 1, 10_000_000);
        within("--lanes", queuePairs(), 1, tap ? 1 : 64);
        within("--rate", rate, 1, 10_000_000);
        within("--frame-bytes", frameBytes, Flow.MIN_BYTES, 1514);
        return new Options(handovers, fresh, kills, plain, moves, queuePairs(), rate, frameBytes, rounds, tap);
    }

    /** The kernel chooses a TAP's queue by what it takes for a flow, and that is not the load's flows. */
    private int queuePairs() {
        return lanes != null ? lanes : tap ? 1 : LANES;
    }

    private void within(String option, int value, int least, int most) {
        if (value < least || value > most) {
            throw refusal(option + " " + value + ": it is " + least + " to " + most);
        }
    }

    private ParameterException refusal(String message) {
        return new ParameterException(Objects.requireNonNull(spec).commandLine(), message);
    }
}
