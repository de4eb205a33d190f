package dev.baton.bench.soak;

import dev.baton.bench.BenchFailure;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/** One seed: a world that is watched until its time is over, and taken apart. */
final class SoakRun {
    private static final int WARM_SECONDS = 3;
    private static final int LOOK_MS = 100;

    private final SoakOptions options;
    private final History history;
    private final Map<String, Object> result = new LinkedHashMap<>();
    private List<Direction> directions = List.of();

    SoakRun(SoakOptions options) {
        this.options = options;
        this.history = new History(options.verbose());
        result.put("seed", options.seed());
    }

    History history() {
        return history;
    }

    /** Runs it; throws what is wrong. */
    void run() {
        try (World world = World.create(options, history)) {
            directions = world.directions();
            run(world);
        }
        result.put("events", events());
        result.put("directions", directions.stream().map(Direction::tree).toList());
    }

    private void run(World world) {
        Audit audit = new Audit(world);
        try {
            world.start();
            watch(audit);
            world.end();
            audit.checkAlive();
            finish(world);
        } catch (BenchFailure e) {
            world.owners().lastWords().forEach(words -> history.note("owner", words));
            history.close();
            throw e;
        }
        result.put("audits", audit.audits());
        result.put("kills", world.owners().kills());
    }

    private void watch(Audit audit) {
        long endNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(options.seconds());
        int seconds = Math.min(WARM_SECONDS, options.restSeconds());
        while (true) {
            long nextNs = Math.min(endNs, System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds));
            while (System.nanoTime() - nextNs < 0) {
                audit.checkAlive();
                Track.sleep(LOOK_MS);
            }
            audit.take();
            if (System.nanoTime() - endNs >= 0) {
                return;
            }
            seconds = options.restSeconds();
        }
    }

    private void finish(World world) {
        Daemon last = world.owners().owner();
        last.terminate();
        if (last.status() != 0) {
            throw new BenchFailure(last + " ended with status " + last.status() + ": " + last.said());
        }
        List<String> problems = world.owners().leftovers();
        if (world.hasTap()) {
            problems.add("the TAP is still there");
        }
        try (java.util.stream.Stream<Path> left = Files.list(world.folder())) {
            left.forEach(path -> problems.add("the last owner left " + path));
        } catch (IOException e) {
            throw new BenchFailure("the folder of the sockets: " + e.getMessage(), e);
        }
        if (!problems.isEmpty()) {
            throw new BenchFailure(String.join("\n  ", problems));
        }
    }

    private Map<String, Integer> events() {
        Map<String, Integer> events = new LinkedHashMap<>();
        history.counts().forEach((kind, count) -> events.put(kind.word(), count));
        return events;
    }

    /** For people. */
    String text() {
        return "seed " + options.seed() + ": "
            + events().entrySet().stream().map(event -> event.getValue() + " " + event.getKey())
                .collect(Collectors.joining(", ")) + "\n"
            + String.format("  %-14s %9s %9s %9s %9s %9s %9s %9s %9s %s%n", "", "submitted", "abandoned", "taken",
                "received", "repeated", "pieces", "changed", "joined", "drops")
            + directions.stream().map(direction -> "  " + direction.line() + "\n").collect(Collectors.joining());
    }

    /** For programs. */
    Map<String, Object> tree() {
        return result;
    }
}
