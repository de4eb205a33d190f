package dev.baton.bench.compare;

import dev.baton.bench.BenchFailure;
import dev.baton.bench.UdpFrame;
import dev.baton.ffi.Fd;
import dev.baton.ffi.NetworkNamespace;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Where a run has its programs, sockets and network namespace; gone at its end, and when the JVM is told to end. */
final class Bench implements AutoCloseable {
    /** Of another host, so that the kernel looks at the frames and lets go. */
    private static final byte[] FLOW_MAC = {2, 0, 0, 0, 0, 9};
    private static final int FLOW_FRAMES = 512;

    private final Path folder;
    private final Fd namespace = NetworkNamespace.create();
    private final List<Program> programs = new CopyOnWriteArrayList<>();
    private final Thread hook = new Thread(this::remove, "cleanup");

    private Bench(Path folder) {
        this.folder = folder;
    }

    static Bench create() {
        try {
            Bench bench = new Bench(Files.createTempDirectory("baton-compare"));
            Runtime.getRuntime().addShutdownHook(bench.hook);
            bench.inNamespace(() -> write(Path.of("/proc/sys/net/ipv6/conf/default/disable_ipv6"), "1"));
            return bench;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Path write(Path path, String text) {
        try {
            return Files.writeString(path, text);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Starts a program on a CPU, which ends with the run at the latest. */
    Program start(String name, int cpu, List<String> command) {
        Program program = Program.start(name, cpu, command);
        programs.add(program);
        return program;
    }

    Path socket(String name, int index) {
        return folder.resolve(name + index);
    }

    /** A file of frames of one UDP flow; it is made when it is not there. */
    Path flow(int frameBytes) {
        Path file = folder.resolve("flow" + frameBytes + ".pcap");
        try {
            return Files.exists(file) ? file
                : Files.write(file, CaptureFile.of(UdpFrame.of(FLOW_MAC, frameBytes), FLOW_FRAMES));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The namespace that the TAPs are in, for another process. */
    String namespacePath() {
        return "/proc/" + ProcessHandle.current().pid() + "/fd/" + namespace.value();
    }

    /** What runs a command in that namespace. */
    List<String> insideNamespace() {
        return List.of("nsenter", "--net=" + namespacePath());
    }

    /** Frames that the kernel has received from a TAP. */
    long received(String tap) {
        String interfaces = inNamespace(() -> {
            try {
                return Files.readString(Path.of("/proc/thread-self/net/dev"));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
        Matcher bytesAndFrames = Pattern.compile(Pattern.quote(tap) + ":\\s*\\d+\\s+(\\d+)").matcher(interfaces);
        if (!bytesAndFrames.find()) {
            throw new BenchFailure("there is no interface " + tap);
        }
        return Long.parseLong(bytesAndFrames.group(1));
    }

    private <T> T inNamespace(Supplier<T> action) {
        return NetworkNamespace.call(namespace, action);
    }

    private void remove() {
        programs.forEach(Program::close);
        namespace.close();
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
