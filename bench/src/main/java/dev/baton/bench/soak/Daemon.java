package dev.baton.bench.soak;

import dev.baton.bench.BenchFailure;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A {@code baton} command in a process of its own, started by the script as a user starts it. */
final class Daemon {
    private static final int PATIENCE_SECONDS = 120;
    private static final String READY = "baton: ready";

    private final String role;
    private final Process process;
    private final List<String> output = new ArrayList<>();
    private final Thread reader;
    private boolean silent;

    private Daemon(String role, Process process) {
        this.role = role;
        this.process = process;
        this.reader = Thread.ofPlatform().daemon().name("soak-output").start(this::collect);
    }

    /**
     * Starts it.
     *
     * @param faults    what is to go wrong in its handovers, empty for nothing
     * @param arguments the command, and its options
     */
    static Daemon start(Path launcher, String faults, List<String> arguments) {
        List<String> command = new ArrayList<>(List.of(launcher.toString()));
        command.addAll(arguments);
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().remove("BATON_JVM_OPTS");
        if (!faults.isEmpty()) {
            builder.environment().put("BATON_JVM_OPTS", "-Dbaton.handover.faults=" + faults);
        }
        try {
            Daemon daemon = new Daemon(arguments.getFirst(), builder.start());
            daemon.process.getOutputStream().close();
            return daemon;
        } catch (IOException e) {
            throw new BenchFailure("cannot start " + launcher + ": " + e.getMessage(), e);
        }
    }

    private void collect() {
        try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                said(line);
            }
        } catch (IOException e) {
            // The pipe went with the process.
        } finally {
            said("");
        }
    }

    private synchronized void said(String line) {
        silent |= line.isEmpty();
        output.add(line);
        notifyAll();
    }

    /** Waits until it says that it is ready; false when it ends before that. */
    boolean awaitReady() {
        return await(READY);
    }

    /** Waits for a line that begins like this; false when it ends before that. */
    synchronized boolean await(String start) {
        long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
        while (true) {
            if (output.stream().anyMatch(line -> line.startsWith(start))) {
                return true;
            }
            long leftMs = TimeUnit.NANOSECONDS.toMillis(deadlineNs - System.nanoTime());
            if (silent) {
                return false;
            }
            if (leftMs <= 0) {
                throw new BenchFailure(this + " did not say '" + start + "' in " + PATIENCE_SECONDS + " s: " + output);
            }
            try {
                wait(leftMs);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new BenchFailure("interrupted", e);
            }
        }
    }

    /** What it was started as: run, takeover or standby. */
    String role() {
        return role;
    }

    long pid() {
        return process.pid();
    }

    boolean isAlive() {
        return process.isAlive();
    }

    /** SIGTERM. */
    void terminate() {
        process.destroy();
    }

    /** SIGKILL. */
    void kill() {
        process.destroyForcibly();
    }

    /** Waits for its end; its exit status. */
    int status() {
        try {
            if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                throw new BenchFailure(this + " does not end: " + said());
            }
            reader.join();
            return process.exitValue();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BenchFailure("interrupted", e);
        }
    }

    /** All that it has said. */
    synchronized List<String> said() {
        return List.copyOf(output);
    }

    @Override
    public String toString() {
        return "baton " + role + " (pid " + pid() + ")";
    }
}
