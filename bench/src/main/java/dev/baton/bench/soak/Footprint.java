package dev.baton.bench.soak;

import dev.baton.bench.BenchFailure;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * What a process holds, by kind: descriptors, mappings of memfds, threads of ours; and its memory. Regular files are
 * left out, which a JVM opens as it likes.
 *
 * @param counts      how many of each kind
 * @param residentKiB anonymous memory in use, KiB (proc_pid_status(5), RssAnon)
 */
record Footprint(Map<String, Integer> counts, long residentKiB) {
    private static final String GUEST_MEMORY = "memfd:baton-guest";

    /** Of a process, as it is now. */
    static Footprint of(long pid) {
        Path folder = Path.of("/proc", String.valueOf(pid));
        Map<String, Integer> counts = new TreeMap<>();
        try {
            for (String descriptor : descriptors(folder.resolve("fd"))) {
                counts.merge("descriptor " + descriptor, 1, Integer::sum);
            }
            for (String line : Files.readAllLines(folder.resolve("maps"))) {
                int name = line.indexOf("/memfd:");
                if (name >= 0) {
                    counts.merge("mapping " + bare(line.substring(name + 1)), 1, Integer::sum);
                }
            }
            for (Path thread : list(folder.resolve("task"))) {
                String name = Files.readString(thread.resolve("comm")).strip();
                if (name.startsWith("baton") || name.startsWith("soak")) {
                    counts.merge("thread " + name.replaceAll("\\d+$", ""), 1, Integer::sum);
                }
            }
            return new Footprint(counts, resident(folder));
        } catch (IOException e) {
            throw new BenchFailure("process " + pid + " cannot be looked at: " + e.getMessage(), e);
        }
    }

    private static List<String> descriptors(Path folder) throws IOException {
        List<String> kinds = new ArrayList<>();
        for (Path descriptor : list(folder)) {
            try {
                String target = Files.readSymbolicLink(descriptor).toString();
                if (!target.startsWith("/") || target.startsWith("/memfd:") || target.startsWith("/dev/net")) {
                    kinds.add(bare(target.startsWith("/memfd:") ? target.substring(1) : target));
                }
            } catch (IOException e) {
                // That of the listing itself.
            }
        }
        return kinds;
    }

    private static List<Path> list(Path folder) throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.toList();
        }
    }

    private static String bare(String target) {
        return target.replace(" (deleted)", "").replaceAll("^anon_inode:", "").replaceAll(":\\[\\d+\\]$", "");
    }

    private static long resident(Path folder) throws IOException {
        return Files.readAllLines(folder.resolve("status")).stream().filter(line -> line.startsWith("RssAnon:"))
            .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", ""))).findFirst().orElse(0);
    }

    /** This, without the memory of so many regions of guests. */
    Footprint withoutRegions(int regions) {
        Map<String, Integer> rest = new TreeMap<>(counts);
        rest.merge("descriptor " + GUEST_MEMORY, -regions, Integer::sum);
        rest.merge("mapping " + GUEST_MEMORY, -regions, Integer::sum);
        return new Footprint(rest, residentKiB);
    }

    /** What there is more or less of than in another one, in words. */
    List<String> differences(Footprint reference) {
        List<String> words = new ArrayList<>();
        TreeSet<String> kinds = new TreeSet<>(counts.keySet());
        kinds.addAll(reference.counts.keySet());
        for (String kind : kinds) {
            int now = counts.getOrDefault(kind, 0);
            int before = reference.counts.getOrDefault(kind, 0);
            if (now != before) {
                words.add(kind + ": " + now + ", at the reference " + before);
            }
        }
        return words;
    }
}
