package dev.baton.bench.compare;

import dev.baton.bench.BenchCommand;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** {@code bench/compare}: see docs/performance.md. */
@Command(name = "bench/compare", sortOptions = false, usageHelpAutoWidth = true,
    description = {"Measures Baton and its peers in turn, behind the same client, DPDK's testpmd the first of them.",
        "The client runs on CPU 0, what is measured on CPU 1; whose turn it is not is stopped.",
        "Needs root, 2 CPUs, dpdk-testpmd and 192 free hugepages of 2 MiB; some scenes iperf3, gcc, or QEMU and",
        "the guest that .ci/clients makes.", ""},
    footer = {"", "Exit status: 0; 1 when it failed; 2 usage.", "", "Scenes:"})
public final class CompareBench implements Callable<Integer> {
    @Option(names = "--launcher", hidden = true, required = true)
    private Path launcher = Path.of("baton");

    @Option(names = "--against", paramLabel = "BATON",
        description = "The baton script of another checkout: that is the peer instead of testpmd.")
    private @Nullable Path against;

    @Option(names = "--pairs", paramLabel = "N", defaultValue = "7",
        description = "Windows of each side after each start, in turn (${DEFAULT-VALUE}).")
    private int pairs;

    @Option(names = "--starts", paramLabel = "N", defaultValue = "1",
        description = "How often all processes of a scene are started anew (${DEFAULT-VALUE}).")
    private int starts;

    @Option(names = "--seconds", paramLabel = "S", defaultValue = "1",
        description = "Length of a window (${DEFAULT-VALUE}).")
    private double seconds;

    @Option(names = "--only", paramLabel = "SCENE", description = "One scene; may be given again.")
    private List<String> only = List.of();

    @Option(names = "--json", paramLabel = "FILE", description = "Writes the results there.")
    private @Nullable Path json;

    @Option(names = "--svg", paramLabel = "FILE", description = "Draws the ratios there.")
    private @Nullable Path svg;

    @Option(names = "--list", description = "Lists the scenes.")
    private boolean list;

    @SuppressWarnings("UnusedVariable") // picocli reads it
    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Shows this.")
    private boolean help;

    @CommandLine.Spec
    private CommandLine.Model.@Nullable CommandSpec spec;

    /** The command. */
    public static void main(String[] arguments) {
        BenchCommand.run(new CompareBench(), Arrays.stream(Scene.values()).map(CompareBench::line).toList(), arguments);
    }

    @Override
    public Integer call() throws IOException {
        if (list) {
            Arrays.stream(Scene.values()).map(CompareBench::line).forEach(System.out::println);
            return 0;
        }
        List<Scene> scenes = scenes();
        Sides sides = new Sides(launcher, against);
        List<Comparison> results = new ArrayList<>();
        // What it measures would not let it come to its turn.
        Program.preferThisProcess();
        try (Bench bench = Bench.create()) {
            for (Scene scene : scenes) {
                System.err.println("bench/compare: " + scene.word());
                results.add(Comparison.run(scene, LineUp.of(bench, scene, sides), starts, pairs, seconds));
            }
        }
        CompareReport report = new CompareReport(results);
        System.out.print(report.table());
        if (json != null) {
            Files.writeString(json, report.json());
        }
        if (svg != null) {
            Files.writeString(svg, CompareChart.of(results));
        }
        return 0;
    }

    private static String line(Scene scene) {
        return String.format(Locale.ROOT, "  %-18s %s", scene.word(), scene.what());
    }

    private List<Scene> scenes() {
        if (pairs < 1 || pairs > 1000 || starts < 1 || starts > 1000 || !(seconds >= 0.1 && seconds <= 60)) {
            throw refusal("--pairs and --starts are 1 to 1000, --seconds is 0.1 to 60");
        }
        for (String word : only) {
            if (Arrays.stream(Scene.values()).noneMatch(scene -> scene.word().equals(word))) {
                throw refusal("--only " + word + ": there is " + Scene.words());
            }
        }
        return Arrays.stream(Scene.values()).filter(scene -> only.isEmpty() || only.contains(scene.word())).toList();
    }

    private ParameterException refusal(String message) {
        return new ParameterException(Objects.requireNonNull(spec).commandLine(), message);
    }
}
