package dev.baton.bench.compare;

import dev.baton.bench.BenchFailure;
import dev.baton.ffi.PidFd;
import dev.baton.ffi.SyscallException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A program under measurement: bound to its CPUs, in a session of its own whose scheduling group comes before all
 * others, and stopped while it is not its turn, so that it stays as warm as it is.
 */
final class Program implements AutoCloseable {
    private static final int SIGSTOP = 19;
    private static final int SIGCONT = 18;
    private static final int TAIL = 2000;
    /** In the session that it is the first of: only there does it know which scheduling group is its own. */
    private static final String PREFERRED = "echo -20 2>/dev/null > /proc/self/autogroup; exec \"$@\"";

    private final String name;
    private final Process process;
    private final PidFd pid;
    private final StringBuilder output = new StringBuilder();
    private boolean ended;

    private Program(String name, Process process) {
        this.name = name;
        this.process = process;
        this.pid = PidFd.open(process.pid());
        Thread.ofPlatform().daemon().name(name + "-output").start(this::collect);
    }

    /**
     * Starts a program.
     *
     * @param cpus where all of its threads run, as taskset(1) takes it
     */
    static Program start(String name, String cpus, List<String> command) {
        List<String> bound = new ArrayList<>(List.of("setsid", "taskset", "-c", cpus, "sh", "-c",
            PREFERRED, "sh"));
        bound.addAll(command);
        try {
            return new Program(name, new ProcessBuilder(bound).redirectErrorStream(true).start());
        } catch (IOException e) {
            throw new BenchFailure("cannot start " + name + ": " + e.getMessage(), e);
        }
    }

    /**
     * Gives this process's session the first priority, as those of all programs have it: where sched_autogroup is on,
     * nice values count inside a session alone. Without the right to it there is no change.
     */
    static void preferThisProcess() {
        try {
            Files.writeString(Path.of("/proc/self/autogroup"), "-20");
        } catch (IOException e) {
            System.err.println("bench/compare: programs get no priority: " + e.getMessage());
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

    /** Stops it where it is. */
    void pause() {
        pid.kill(SIGSTOP);
    }

    /** Has it go on. */
    void resume() {
        pid.kill(SIGCONT);
    }

    /** Writes a line to it. */
    void send(String line) {
        try {
            process.getOutputStream().write((line + "\n").getBytes(StandardCharsets.UTF_8));
            process.getOutputStream().flush();
        } catch (IOException e) {
            throw new BenchFailure(name + " takes no input:\n" + tail(), e);
        }
    }

    /** How much it has said: a place from which {@link #await} looks. */
    int mark() {
        synchronized (output) {
            return output.length();
        }
    }

    /** Waits until it has said something since the mark, and gives all that it has said since. */
    String await(Pattern pattern, int mark, int seconds) {
        long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        synchronized (output) {
            while (true) {
                String said = output.substring(mark);
                Matcher matcher = pattern.matcher(said);
                if (matcher.find()) {
                    return said;
                }
                long leftMs = TimeUnit.NANOSECONDS.toMillis(deadlineNs - System.nanoTime());
                if (ended || leftMs <= 0) {
                    throw new BenchFailure(name + (ended ? " ended:\n" : " did not answer in time:\n") + tail());
                }
                try {
                    output.wait(leftMs);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    throw new BenchFailure("interrupted", e);
                }
            }
        }
    }

    /** Waits for its end, which has to be a good one. */
    void finish(int seconds) {
        output(seconds);
        if (process.exitValue() != 0) {
            throw new BenchFailure(name + " failed:\n" + tail());
        }
    }

    /** Waits for its end, and gives all that it has said. */
    String output(int seconds) {
        long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        try {
            synchronized (output) {
                while (!ended) {
                    long leftMs = TimeUnit.NANOSECONDS.toMillis(deadlineNs - System.nanoTime());
                    if (leftMs <= 0) {
                        throw new BenchFailure(name + " does not end:\n" + tail());
                    }
                    output.wait(leftMs);
                }
            }
            process.waitFor();
            return output.toString();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BenchFailure("interrupted", e);
        } finally {
            close();
        }
    }

    private String tail() {
        synchronized (output) {
            return output.substring(Math.max(0, output.length() - TAIL));
        }
    }

    /** Has it end by a line that asks for it. */
    void quit(String line) {
        try {
            resume();
            send(line);
            process.waitFor(10, TimeUnit.SECONDS);
        } catch (SyscallException | BenchFailure e) {
            // It has ended already.
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            close();
        }
    }

    @Override
    public void close() {
        try {
            if (process.isAlive()) {
                resume();
                process.destroy();
                if (!process.waitFor(5, TimeUnit.SECONDS)) {
                    process.destroyForcibly().waitFor();
                }
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        } finally {
            pid.close();
        }
    }
}
