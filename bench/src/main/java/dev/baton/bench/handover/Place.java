package dev.baton.bench.handover;

import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;

/** Where a run has its sockets and processes; removed at its end, and when the JVM is told to end before. */
final class Place implements AutoCloseable {
    private static final long PROGRESS_NS = 1_000_000_000L;

    private final Path folder;
    private final PrintStream progress;
    private final List<OwnerProcess> processes = new CopyOnWriteArrayList<>();
    private final Thread hook = new Thread(this::remove, "cleanup");
    private long toldNs;
    private int sockets;

    private Place(Path folder, PrintStream progress) {
        this.folder = folder;
        this.progress = progress;
    }

    static Place create(PrintStream progress) {
        try {
            Place place = new Place(Files.createTempDirectory("baton-bench"), progress);
            Runtime.getRuntime().addShutdownHook(place.hook);
            return place;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A path that no socket had before. */
    Path socket(String name) {
        return folder.resolve(sockets++ + "-" + name);
    }

    /** This process is to end with the run. */
    void own(OwnerProcess process) {
        processes.add(process);
    }

    /** Says now and then how far a mode is. */
    void progress(String mode, int done, int of) {
        long nowNs = System.nanoTime();
        if (nowNs - toldNs > PROGRESS_NS) {
            toldNs = nowNs;
            progress.printf("\r%s: %d of %d ", mode, done, of);
        }
    }

    private void remove() {
        processes.forEach(OwnerProcess::close);
        try (Stream<Path> files = Files.walk(folder)) {
            files.sorted(Comparator.reverseOrder()).forEach(path -> path.toFile().delete());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        Runtime.getRuntime().removeShutdownHook(hook);
        remove();
    }
}
