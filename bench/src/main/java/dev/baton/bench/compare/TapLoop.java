package dev.baton.bench.compare;

import dev.baton.bench.BenchFailure;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A loop over write(2) or read(2) on a TAP, in C: the kernel's part of each frame, and next to nothing besides.
 * Compiled when it is wanted. The frames lie in one buffer, which stays in the core's cache, or in as many as a ring
 * has in turn.
 */
final class TapLoop implements Contender {
    private static final String SOURCE = "tap-loop.c";
    private static final Pattern READY = Pattern.compile("ready\n");
    private static final Pattern DONE = Pattern.compile("frames (\\d+) busy (\\d+) of (\\d+)\n");
    private static final int PATIENCE_SECONDS = 30;

    private final String name;
    private final Program program;
    private final @Nullable Client sender;

    private TapLoop(String name, Program program, @Nullable Client sender) {
        this.name = name;
        this.program = program;
        this.sender = sender;
    }

    /**
     * Compiles the program.
     *
     * @return its path; null when this machine has no C compiler
     */
    static @Nullable Path compile(Bench bench) {
        Path program = bench.file("tap-loop");
        if (Files.exists(program)) {
            return program;
        }
        try (InputStream source = Objects.requireNonNull(TapLoop.class.getResourceAsStream(SOURCE))) {
            Files.write(bench.file(SOURCE), source.readAllBytes());
            Process compiler = new ProcessBuilder("gcc", "-O2", "-pthread", "-o", program.toString(),
                bench.file(SOURCE).toString()).inheritIO().start();
            if (!compiler.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS) || compiler.exitValue() != 0) {
                compiler.destroyForcibly();
                throw new BenchFailure("gcc does not compile " + SOURCE);
            }
            return program;
        } catch (IOException e) {
            return null;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BenchFailure("interrupted", e);
        }
    }

    /** Writes one frame again and again. */
    static TapLoop writing(Bench bench, Path loop, Scene scene, int buffers, int cpu) {
        Program program = start(bench, loop, name(buffers), buffers, cpu,
            "write", bench.flowFrame(scene.frameBytes()).toString());
        return new TapLoop("C: write(), " + words(buffers), program, null);
    }

    /** Writes a frame that a thread on another CPU has put into each buffer just before, as a guest does. */
    static TapLoop passing(Bench bench, Path loop, Scene scene, int buffers, int cpu, int fillerCpu) {
        Program program = start(bench, loop, "pass", buffers, cpu,
            "write", bench.flowFrame(scene.frameBytes()).toString(), String.valueOf(fillerCpu));
        return new TapLoop("C: write(), " + words(buffers) + ", filled by the other CPU", program, null);
    }

    /** Reads what a sender sends, which is made when the TAP is there. */
    static TapLoop reading(Bench bench, Path loop, int buffers, int cpu, Function<String, Client> sender) {
        Program program = start(bench, loop, name(buffers), buffers, cpu, "read");
        return new TapLoop("C: read(), " + words(buffers), program, sender.apply(name(buffers)));
    }

    private static String words(int buffers) {
        return buffers == 1 ? "1 buffer" : buffers + " buffers";
    }

    /** What its process and its interface are called. */
    private static String name(int buffers) {
        return "loop" + buffers;
    }

    private static Program start(Bench bench, Path loop, String name, int buffers, int cpu, String... arguments) {
        List<String> command = new ArrayList<>(bench.namespace().inside());
        command.addAll(List.of(loop.toString(), name, String.valueOf(buffers)));
        command.addAll(List.of(arguments));
        Program program = bench.start(name, cpu, command);
        program.await(READY, 0, PATIENCE_SECONDS);
        return program;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public Sample run(double seconds) {
        program.resume();
        if (sender != null) {
            sender.resume();
            sender.start();
            Pause.settle();
        }
        int mark = program.mark();
        program.send(String.format(Locale.ROOT, "%d", (long) (seconds * 1e3)));
        Matcher done = DONE.matcher(program.await(DONE, mark, PATIENCE_SECONDS + (int) seconds));
        if (sender != null) {
            sender.stop();
            sender.pause();
        }
        program.pause();
        if (!done.find() || Long.parseLong(done.group(1)) == 0) {
            throw new BenchFailure("the loop in C has moved no frame");
        }
        double frames = Long.parseLong(done.group(1));
        return Sample.of(Metric.FRAMES, frames * 1e9 / Long.parseLong(done.group(3)),
            Metric.CORE, Long.parseLong(done.group(2)) / frames);
    }

    /** It is compiled already; its sender warms up with it. */
    @Override
    public void warmUp() {
        run(sender == null ? 0.5 : WARM_UP_SECONDS);
    }

    @Override
    public void close() {
        if (sender != null) {
            sender.close();
        }
        program.close();
    }
}
