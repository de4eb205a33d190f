package dev.baton.tools.clients;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A program that a test started. A thread collects its output (standard error included), so that the program never
 * blocks on a full pipe. Only this very process is ever signalled.
 */
final class Child implements AutoCloseable {
    private static final int TAIL = 4000;

    private final String name;
    private final Process process;
    private final Thread pump;
    private final StringBuilder output = new StringBuilder();
    private final Runnable undo;
    private boolean ended;

    private Child(String name, Process process) {
        this.name = name;
        this.process = process;
        undo = process::destroyForcibly;
        Undo.register(undo);
        pump = Thread.ofPlatform().daemon().name(name + "-output").start(this::collect);
    }

    /**
     * Starts a program.
     *
     * @param name    what messages call it
     * @param command the program and its arguments
     */
    static Child start(String name, List<String> command) {
        try {
            return new Child(name, new ProcessBuilder(command).redirectErrorStream(true).start());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void collect() {
        byte[] buffer = new byte[8192];
        try (InputStream in = process.getInputStream()) {
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                synchronized (output) {
                    output.append(new String(buffer, 0, n, StandardCharsets.UTF_8));
                    output.notifyAll();
                }
            }
        } catch (IOException e) {
            // The pipe went with the process.
        } finally {
            synchronized (output) {
                ended = true;
                output.notifyAll();
            }
        }
    }

    long pid() {
        return process.pid();
    }

    boolean alive() {
        return process.isAlive();
    }

    /** How much output there is: the place from which a later {@link #await} looks. */
    int mark() {
        synchronized (output) {
            return output.length();
        }
    }

    String outputFrom(int mark) {
        synchronized (output) {
            return output.substring(mark);
        }
    }

    /** The end of the output, for messages. */
    String tail() {
        synchronized (output) {
            return output.substring(Math.max(0, output.length() - TAIL));
        }
    }

    /**
     * Waits until the output holds something.
     *
     * @param pattern what is looked for
     * @param mark    from where
     * @param limit   fails after this time, or at once when the program ended without it
     * @return the match
     */
    Matcher await(Pattern pattern, int mark, Duration limit) {
        long deadline = System.nanoTime() + limit.toNanos();
        synchronized (output) {
            while (true) {
                Matcher matcher = pattern.matcher(output.substring(mark));
                if (matcher.find()) {
                    return matcher;
                }
                long leftMs = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
                if (ended || leftMs <= 0) {
                    throw new AssertionError(name + (ended ? " ended" : " was silent for " + limit)
                            + " without " + pattern + ":\n" + tail());
                }
                try {
                    output.wait(leftMs);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    throw new AssertionError(name + ": interrupted", e);
                }
            }
        }
    }

    void send(String line) {
        try {
            process.getOutputStream().write((line + "\n").getBytes(StandardCharsets.UTF_8));
            process.getOutputStream().flush();
        } catch (IOException e) {
            throw new AssertionError(name + " takes no input (\"" + line + "\"):\n" + tail(), e);
        }
    }

    void terminate() {
        process.destroy();
    }

    void kill() {
        process.destroyForcibly();
    }

    /** The exit status; fails when the program has not ended in time. */
    int awaitExit(Duration limit) {
        try {
            if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
                throw new AssertionError(name + " did not end within " + limit + ":\n" + tail());
            }
            pump.join(TimeUnit.SECONDS.toMillis(5));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(name + ": interrupted", e);
        }
        Undo.done(undo);
        return process.exitValue();
    }

    /** Ends the program: asked first, then made to. */
    @Override
    public void close() {
        if (process.isAlive()) {
            process.destroy();
            try {
                if (!process.waitFor(5, TimeUnit.SECONDS)) {
                    process.destroyForcibly();
                }
            } catch (InterruptedException e) {
                process.destroyForcibly();
                Thread.currentThread().interrupt();
            }
        }
        awaitExit(Duration.ofSeconds(10));
    }
}
