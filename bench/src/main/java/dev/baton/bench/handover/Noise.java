package dev.baton.bench.handover;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What disturbs two owners that poll: how often the kernel has put another task in the place of one of this process's
 * agents (proc(5), {@code nonvoluntary_ctxt_switches}), and how long the hypervisor has run something else while the
 * machine had work ({@code steal} of {@code /proc/stat}).
 *
 * @param switches   involuntary context switches of this process's agents so far
 * @param stealTicks stolen time of all CPUs so far, in ticks of 10 ms
 */
record Noise(long switches, long stealTicks) {
    private static final String AGENT = "baton-agent";
    private static final String SWITCHES = "nonvoluntary_ctxt_switches:";
    private static final int STEAL_FIELD = 8;

    /** The counts as they stand. */
    static Noise now() {
        try {
            return new Noise(switchesOfAgents(), stolen());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What has been counted since. */
    Noise since(Noise earlier) {
        return new Noise(switches - earlier.switches, stealTicks - earlier.stealTicks);
    }

    boolean any() {
        return switches > 0 || stealTicks > 0;
    }

    private static long switchesOfAgents() throws IOException {
        long all = 0;
        try (DirectoryStream<Path> tasks = Files.newDirectoryStream(Path.of("/proc/self/task"))) {
            for (Path task : tasks) {
                if (Files.readString(task.resolve("comm")).startsWith(AGENT)) {
                    all += switchesOf(task);
                }
            }
        }
        return all;
    }

    private static long switchesOf(Path task) throws IOException {
        for (String line : Files.readAllLines(task.resolve("status"))) {
            if (line.startsWith(SWITCHES)) {
                return Long.parseLong(line.substring(SWITCHES.length()).strip());
            }
        }
        return 0;
    }

    private static long stolen() throws IOException {
        String all = Files.readString(Path.of("/proc/stat"));
        return Long.parseLong(all.substring(0, all.indexOf('\n')).split(" +")[STEAL_FIELD]);
    }
}
