package dev.baton.bench.handover;

import dev.baton.bench.BenchFailure;
import dev.baton.tools.json.JsonReader;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** An {@link Owner} as its parent sees it. */
final class OwnerProcess implements AutoCloseable {
    private static final int PATIENCE_SECONDS = 90;
    private static final String END = "";

    private final Path socket;
    private final Process process;
    private final PrintStream orders;
    private final BlockingQueue<String> answers = new LinkedBlockingQueue<>();

    private OwnerProcess(Path socket, Process process) {
        this.socket = socket;
        this.process = process;
        this.orders = new PrintStream(process.getOutputStream(), true, StandardCharsets.UTF_8);
        Thread.ofPlatform().daemon().name("answers").start(this::listen);
    }

    /** Starts another JVM like this one; its first answer says that it is ready. */
    static OwnerProcess start(Path socket) {
        try {
            return new OwnerProcess(socket, new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-XX:+UseSerialGC", "-Xms16m",
                "-Xmx128m", "-XX:-UsePerfData", "--enable-native-access=ALL-UNNAMED",
                "--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED", "-cp", System.getProperty("java.class.path"),
                Owner.class.getName(), socket.toString()).redirectError(ProcessBuilder.Redirect.INHERIT).start());
        } catch (IOException e) {
            throw new BenchFailure("cannot start an owner: " + e.getMessage(), e);
        }
    }

    private void listen() {
        try (BufferedReader reader = process.inputReader(StandardCharsets.UTF_8)) {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                answers.add(line);
            }
        } catch (IOException e) {
            // The process has gone; the line below says so.
        }
        answers.add(END);
    }

    Path socket() {
        return socket;
    }

    void order(Object... words) {
        orders.println(String.join(" ", List.of(words).stream().map(Object::toString).toList()));
    }

    /** Has it make the datapath between these ends. */
    void launch(Ends ends, Options options) {
        order("launch", ends.guest(), ends.far(), options.lanes());
        answer();
    }

    /** The next answer. */
    @Nullable Object answer() {
        try {
            String line = answers.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
            if (line == null) {
                throw new BenchFailure("owner " + process.pid() + " did not answer in " + PATIENCE_SECONDS + " s");
            }
            if (line.equals(END)) {
                throw new BenchFailure("owner " + process.pid() + " ended before it was told to");
            }
            Object answer = JsonReader.parse(line);
            Object error = JsonReader.at(answer, "error");
            if (error != null) {
                throw new BenchFailure("owner " + process.pid() + ": " + error);
            }
            return answer;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BenchFailure("interrupted", e);
        }
    }

    /** Ends the process in the middle of whatever it does, by SIGKILL. */
    void kill() {
        process.destroyForcibly();
    }

    /** Ends the process, with what it owns. */
    @Override
    public void close() {
        orders.close();
        try {
            if (!process.waitFor(5, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
