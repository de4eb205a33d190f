package dev.baton.tools;

import dev.baton.tools.demo.Demo;
import dev.baton.tools.demo.DemoException;
import dev.baton.tools.demo.DemoResult;
import dev.baton.tools.json.JsonReader;
import dev.baton.tools.json.JsonWriter;
import dev.baton.tools.options.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code baton demo}: Baton at work on this machine, with nothing to prepare and nothing left behind. */
@Command(name = "demo", mixinStandardHelpOptions = true, usageHelpAutoWidth = true,
        description = {
            "Shows Baton at work: a guest in another process, a TAP, this kernel's IP stack, traffic both ways.",
            "In the middle of it Baton's part changes its process, twice.",
            "Ends with status 0 when no frame was lost, duplicated or reordered."})
final class DemoCommand implements Callable<Integer> {
    private static final int INTERRUPTED = 130;

    @Option(names = "--seconds", paramLabel = "N", defaultValue = "5",
            description = "How long data is sent. Default: ${DEFAULT-VALUE}.")
    private int seconds;

    @Option(names = "--json", paramLabel = "FILE", description = "Writes the result into a file.")
    private @Nullable Path json;

    @Option(names = "--in-memory", description = "Uses an in-memory port in place of the TAP.")
    private boolean inMemory;

    @Override
    public Integer call() throws IOException {
        if (seconds < 1 || seconds > 86_400) {
            throw new UsageException("--seconds is a number from 1 to 86400, not " + seconds);
        }
        Termination termination = Termination.watch();
        int status = Main.FAILED;
        try (Demo demo = Demo.launch(termination::isAsked, DemoCommand::progress, !inMemory)) {
            DemoResult result = demo.run(seconds);
            show(result);
            if (json != null) {
                Files.writeString(json, JsonWriter.pretty(result.tree()));
            }
            status = result.isPerfect() ? 0 : Main.FAILED;
        } catch (DemoException e) {
            if (termination.isAsked()) {
                status = INTERRUPTED;
            } else {
                Main.say(e.getMessage());
            }
        } finally {
            termination.closed(status);
        }
        return status;
    }

    private static void progress(String line) {
        System.out.println(line);
        System.out.flush();
    }

    private static void show(DemoResult result) {
        Object roundTrip = JsonReader.at(result.tree(), "ping", "guestRoundTripNs");
        System.out.printf(Locale.ROOT, "round trip  p50 %.0f us, p99 %.0f us, max %.0f us, unloaded%n%n",
                JsonReader.number(roundTrip, "p50").doubleValue() / 1000,
                JsonReader.number(roundTrip, "p99").doubleValue() / 1000,
                JsonReader.number(roundTrip, "max").doubleValue() / 1000);
        TextTable table = new TextTable("direction", ">frames", ">frames/s", ">Mbit/s", ">lost", ">duplicated",
                ">reordered", ">p50 us", ">p99 us", ">max us");
        for (Map.Entry<String, DemoResult.Direction> entry : result.directions().entrySet()) {
            DemoResult.Direction direction = entry.getValue();
            Histogram latency = direction.arrivals().latencyNs();
            long frames = direction.arrivals().frames();
            table.row(entry.getKey(), frames, frames / result.seconds(),
                    direction.arrivals().bytes() * 8 / result.seconds() / 1_000_000, direction.sent() - frames,
                    direction.arrivals().duplicated(), direction.arrivals().reordered(),
                    latency.getValueAtPercentile(50) / 1000, latency.getValueAtPercentile(99) / 1000,
                    latency.getMaxValue() / 1000);
        }
        System.out.println(table);
        result.handoverLines().forEach(System.out::println);
        System.out.println(result.isPerfect() ? "Every frame arrived, once and in order."
                : "Something is wrong: frames were lost, duplicated, reordered or corrupted, or pings not answered.");
        System.out.flush();
    }
}
