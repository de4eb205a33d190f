package dev.baton.bench.handover;

import dev.baton.ffi.Fd;
import dev.baton.ffi.NetworkNamespace;
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
    private final List<Fd> namespaces = new CopyOnWriteArrayList<>();
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

    /** Ends that no mode had before. */
    Ends ends(Options options) {
        return new Ends(socket("a"), options.tap() ? FarEnd.tap(namespace()) : FarEnd.guest(socket("b")));
    }

    /** The path of a network namespace for a TAP, with nothing in it that sends frames of its own. */
    private String namespace() {
        Fd created = NetworkNamespace.create();
        namespaces.add(created);
        NetworkNamespace.call(created, () -> {
            try {
                return Files.writeString(Path.of("/proc/sys/net/ipv6/conf/default/disable_ipv6"), "1");
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
        return "/proc/" + ProcessHandle.current().pid() + "/fd/" + created.value();
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
        namespaces.forEach(Fd::close);
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
