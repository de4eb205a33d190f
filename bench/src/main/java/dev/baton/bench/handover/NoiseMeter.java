package dev.baton.bench.handover;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.StringTokenizer;

/** Reads what the kernel counts of this process's agents and of the machine, see proc(5). */
final class NoiseMeter {
    private static final Path MACHINE = Path.of("/proc/stat");
    private static final String AGENT = "baton-agent";
    private static final String SWITCHES = "nonvoluntary_ctxt_switches:";
    /** After "cpu": user, nice, system, idle, iowait, irq, softirq, and then steal. */
    private static final int STEAL_FIELD = 8;

    private final List<Path> agents = new ArrayList<>();

    /** For the agents that there are now. */
    NoiseMeter() {
        try (DirectoryStream<Path> tasks = Files.newDirectoryStream(Path.of("/proc/self/task"))) {
            for (Path task : tasks) {
                if (Files.readString(task.resolve("comm")).startsWith(AGENT)) {
                    agents.add(task.resolve("status"));
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The counts as they stand. */
    Noise now() {
        try {
            long switches = 0;
            for (Path agent : agents) {
                String status = Files.readString(agent);
                int at = status.indexOf(SWITCHES) + SWITCHES.length();
                switches += Long.parseLong(status.substring(at, status.indexOf('\n', at)).strip());
            }
            StringTokenizer fields = new StringTokenizer(Files.readString(MACHINE));
            for (int i = 0; i < STEAL_FIELD; i++) {
                fields.nextToken();
            }
            return new Noise(switches, Long.parseLong(fields.nextToken()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
