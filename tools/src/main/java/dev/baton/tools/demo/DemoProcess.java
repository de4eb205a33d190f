package dev.baton.tools.demo;

import dev.baton.tools.json.JsonReader;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** A process of the demo, guest or owner, as its parent sees it. */
final class DemoProcess implements AutoCloseable {
    private static final String END = "";
    private static final long SIGNAL_DISTANCE_NS = 300_000_000L;

    private final String role;
    private final Process process;
    private final PrintStream orders;
    private final BlockingQueue<String> events = new LinkedBlockingQueue<>();

    private DemoProcess(String role, Process process) {
        this.role = role;
        this.process = process;
        this.orders = new PrintStream(process.getOutputStream(), true, StandardCharsets.UTF_8);
        Thread.ofPlatform().daemon().name(role + "-events").start(this::listen);
    }

    /**
     * Starts another JVM like this one.
     *
     * @param role    what it plays, for messages
     * @param words   the command of Baton that it runs
     */
    static DemoProcess start(String role, List<String> words) throws DemoException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("-XX:+UseSerialGC", "-Xms16m", "-Xmx64m", "-XX:-UsePerfData"));
        String modulePath = System.getProperty("jdk.module.path");
        if (modulePath == null) {
            command.addAll(List.of("--enable-native-access=ALL-UNNAMED",
                    "--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED", "-cp",
                    System.getProperty("java.class.path"), "dev.baton.tools.Main"));
        } else {
            command.addAll(List.of("--enable-native-access=dev.baton.ffi",
                    "--add-opens=java.base/jdk.internal.misc=org.agrona", "-p", modulePath, "-m",
                    "dev.baton.tools/dev.baton.tools.Main"));
        }
        command.addAll(words);
        try {
            return new DemoProcess(role,
                    new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start());
        } catch (IOException e) {
            throw new DemoException("cannot start the " + role + " process: " + e.getMessage());
        }
    }

    private void listen() {
        try (BufferedReader reader = process.inputReader(StandardCharsets.UTF_8)) {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                events.add(line);
            }
        } catch (IOException e) {
            // The process has gone; the line below says so.
        }
        events.add(END);
    }

    long pid() {
        return process.pid();
    }

    void order(String... words) {
        orders.println(String.join(" ", words));
    }

    /**
     * Waits for an event.
     *
     * @param stop true when nobody wants it any more
     * @return the event's document
     * @throws DemoException when it does not come
     */
    @Nullable Object expect(String event, int seconds, BooleanSupplier stop) throws DemoException {
        long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        while (System.nanoTime() - deadlineNs < 0) {
            if (stop.getAsBoolean()) {
                throw new DemoException("interrupted");
            }
            String line = poll();
            if (line == null) {
                continue;
            }
            if (line.equals(END)) {
                // Ctrl-C goes to both processes, and the guest may be the first to obey.
                LockSupport.parkNanos(SIGNAL_DISTANCE_NS);
                throw new DemoException(
                        stop.getAsBoolean() ? "interrupted" : "the " + role + " process ended before it was told to");
            }
            Object document = JsonReader.parse(line);
            if (event.equals(JsonReader.at(document, "event"))) {
                return document;
            }
            throw new DemoException("the " + role + " process said " + line + " where '" + event + "' is due");
        }
        throw new DemoException("the " + role + " process was not '" + event + "' within " + seconds + " s");
    }

    private @Nullable String poll() throws DemoException {
        try {
            return events.poll(50, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new DemoException("interrupted");
        }
    }

    /** Ends the process: by the end of its orders, and if that does not help, by force. */
    @Override
    public void close() {
        orders.close();
        try {
            if (!process.waitFor(3, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
