package dev.baton.bench.soak;

import dev.baton.bench.BenchCommand;
import dev.baton.bench.BenchFailure;
import dev.baton.ffi.Fd;
import dev.baton.ffi.NetworkNamespace;
import dev.baton.ffi.SyscallException;
import dev.baton.tools.json.JsonWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** {@code bench/soak}: see docs/soak.md. */
@Command(name = "bench/soak", sortOptions = false, usageHelpAutoWidth = true,
    description = {"Lets everything happen to Baton that can, at random, and accounts for every frame.",
        "Guests, and the kernel behind a TAP, exchange numbered frames; every --rest seconds all rest and are audited.",
        ""},
    footer = {"", "Exit status: 0; 1 when a frame is not accounted for, something leaked, or it failed; 2 usage.", "",
        "Events:"})
public final class SoakBench implements Callable<Integer> {
    private static final int HISTORY_SECONDS = 15;
    private static final int MAX_SECONDS = 7 * 24 * 3600;

    @Option(names = "--launcher", hidden = true, required = true)
    private Path launcher = Path.of("baton");

    @Option(names = "--seconds", paramLabel = "N", description = "How long things happen, with each seed (60).")
    private @Nullable Integer seconds;

    @Option(names = "--minutes", paramLabel = "N", description = "The same in minutes.")
    private @Nullable Integer minutes;

    @Option(names = "--seed", paramLabel = "S[,S...]", split = ",", hideParamSyntax = true,
        description = "Decides what happens; several are run one after the other (any).")
    private List<Long> seeds = List.of();

    @Option(names = "--queue-pairs", paramLabel = "N", defaultValue = "2",
        description = "Queue pairs of each guest, 1 to 8 (${DEFAULT-VALUE}).")
    private int queuePairs;

    @Option(names = "--rate", paramLabel = "N", defaultValue = "5000",
        description = "Frames a second that each queue pair sends, about (${DEFAULT-VALUE}).")
    private int rate;

    @Option(names = "--rest", paramLabel = "N", defaultValue = "15",
        description = "Seconds between two audits (${DEFAULT-VALUE}).")
    private int restSeconds;

    @Option(names = "--without", paramLabel = "EVENT[,EVENT...]", split = ",",
        hideParamSyntax = true,
        description = "Events that do not happen.")
    private List<String> without = List.of();

    @Option(names = "--no-tap", description = "Without the TAP, and so without root.")
    private boolean noTap;

    @Option(names = "--json", paramLabel = "FILE", description = "Writes the results there.")
    private @Nullable Path json;

    @Option(names = {"-v", "--verbose"}, description = "Says each event as it happens.")
    private boolean verbose;

    @SuppressWarnings("UnusedVariable") // picocli reads it
    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Shows this.")
    private boolean help;

    @CommandLine.Spec
    private CommandLine.Model.@Nullable CommandSpec spec;

    /** The command. */
    public static void main(String[] arguments) {
        BenchCommand.run(new SoakBench(), Arrays.stream(EventKind.values())
            .map(kind -> String.format(Locale.ROOT, "  %-10s %s", kind.word(), kind.what())).toList(), arguments);
    }

    @Override
    public Integer call() throws IOException {
        List<EventKind> left = check();
        List<Long> all = seeds.isEmpty() ? List.of(new SplittableRandom().nextLong(1_000_000_000)) : seeds;
        List<Map<String, Object>> results = new ArrayList<>();
        for (long seed : all) {
            System.err.println("bench/soak: seed " + seed + ", " + duration() + " s");
            SoakRun run = new SoakRun(new SoakOptions(launcher, duration(), seed, queuePairs, rate, restSeconds, left,
                !noTap, verbose));
            try {
                run.run();
            } catch (BenchFailure e) {
                tell(run, seed, e);
                return 1;
            }
            System.out.print(run.text());
            System.out.flush();
            results.add(run.tree());
        }
        if (json != null) {
            Files.writeString(json, JsonWriter.pretty(Map.of("runs", results)));
        }
        return 0;
    }

    private void tell(SoakRun run, long seed, BenchFailure failure) {
        if (!verbose) {
            System.err.println("the last " + HISTORY_SECONDS + " seconds:");
            run.history().last(HISTORY_SECONDS).forEach(System.err::println);
        }
        System.err.println("bench/soak: seed " + seed + ": " + failure.getMessage());
        System.err.println("repeat with: bench/soak --seed " + seed + " --seconds " + duration() + " --queue-pairs "
            + queuePairs + " --rate " + rate + " --rest " + restSeconds
            + (without.isEmpty() ? "" : " --without " + String.join(",", without)) + (noTap ? " --no-tap" : ""));
    }

    private int duration() {
        return seconds != null ? seconds : minutes != null ? minutes * 60 : 60;
    }

    private List<EventKind> check() {
        if (seconds != null && minutes != null) {
            throw refusal("--seconds and --minutes do not go together");
        }
        within(minutes == null ? "--seconds" : "--minutes", minutes == null ? duration() : minutes, 1,
            minutes == null ? MAX_SECONDS : MAX_SECONDS / 60);
        within("--queue-pairs", queuePairs, 1, 8);
        within("--rate", rate, 1, 1_000_000);
        within("--rest", restSeconds, 1, 3600);
        if (!noTap) {
            checkTap();
        }
        return without.stream().map(this::kind).toList();
    }

    private void within(String option, int value, int least, int most) {
        if (value < least || value > most) {
            throw refusal(option + " is " + least + " to " + most + ", not " + value);
        }
    }

    private EventKind kind(String word) {
        return Arrays.stream(EventKind.values()).filter(kind -> kind.word().equals(word)).findFirst()
            .orElseThrow(() -> refusal("--without " + word + ": there is "
                + String.join(", ", Arrays.stream(EventKind.values()).map(EventKind::word).toList())));
    }

    private void checkTap() {
        try (Fd tried = NetworkNamespace.create()) {
            Objects.requireNonNull(tried);
        } catch (SyscallException e) {
            throw refusal("a TAP in a network namespace needs root; without it there is --no-tap");
        }
    }

    private ParameterException refusal(String message) {
        return new ParameterException(Objects.requireNonNull(spec).commandLine(), message);
    }
}
