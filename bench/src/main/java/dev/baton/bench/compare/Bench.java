package dev.baton.bench.compare;

import dev.baton.bench.UdpFrame;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;

/** Where a run has its programs, sockets and network namespaces; gone at its end, and when the JVM is told to end. */
final class Bench implements AutoCloseable {
    /** Of another host, so that the kernel looks at the frames and lets go. */
    private static final byte[] FLOW_MAC = {2, 0, 0, 0, 0, 9};
    private static final int FLOW_FRAMES = 512;
    private static final int PATIENCE_SECONDS = 20;

    private final Path folder;
    private final List<Namespace> namespaces = new CopyOnWriteArrayList<>();
    private final List<Program> programs = new CopyOnWriteArrayList<>();
    private final Thread hook = new Thread(this::remove, "cleanup");

    private Bench(Path folder) {
        this.folder = folder;
    }

    static Bench create() {
        try {
            Bench bench = new Bench(Files.createTempDirectory("baton-compare"));
            Runtime.getRuntime().addShutdownHook(bench.hook);
            bench.newNamespace();
            return bench;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Starts a program on a CPU, which ends with the run at the latest. */
    Program start(String name, int cpu, List<String> command) {
        return start(name, String.valueOf(cpu), command);
    }

    /** The same on some CPUs, as taskset(1) takes them. */
    Program start(String name, String cpus, List<String> command) {
        Program program = Program.start(name, cpus, command);
        programs.add(program);
        return program;
    }

    /** Runs a short command in a namespace. */
    void run(Namespace namespace, String... words) {
        List<String> command = new ArrayList<>(namespace.inside());
        command.addAll(List.of(words));
        start(words[0], LineUp.CLIENT_CPU, command).finish(PATIENCE_SECONDS);
    }

    /** A path of a socket, which a back end of that name has for a port. */
    Path socket(String name, int index) {
        return folder.resolve(name + index);
    }

    /** A path in the folder of the run. */
    Path file(String name) {
        return folder.resolve(name);
    }

    /** A file of frames of one UDP flow; it is made when it is not there. */
    Path flow(int frameBytes) {
        return made("flow" + frameBytes + ".pcap", CaptureFile.of(frame(frameBytes), FLOW_FRAMES));
    }

    /** A file that is one frame of that flow. */
    Path flowFrame(int frameBytes) {
        return made("flow" + frameBytes + ".frame", frame(frameBytes));
    }

    private static byte[] frame(int frameBytes) {
        return UdpFrame.of(FLOW_MAC, frameBytes);
    }

    private Path made(String name, byte[] content) {
        Path file = folder.resolve(name);
        try {
            return Files.exists(file) ? file : Files.write(file, content);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The namespace that a back end's only TAP is in. */
    Namespace namespace() {
        return namespaces.getFirst();
    }

    /** Another namespace. */
    Namespace newNamespace() {
        Namespace namespace = new Namespace();
        namespaces.add(namespace);
        return namespace;
    }

    private void remove() {
        programs.forEach(Program::close);
        namespaces.forEach(Namespace::close);
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
