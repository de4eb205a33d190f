package dev.baton.tools;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.PidFd;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A baton command in a process of its own, for tests. */
final class BatonProcess implements AutoCloseable {
    private static final int PATIENCE_SECONDS = 60;

    private final Process process;
    private final List<String> out = Collections.synchronizedList(new ArrayList<>());
    private final List<String> err = Collections.synchronizedList(new ArrayList<>());
    private final Thread outReader;
    private final Thread errReader;

    private BatonProcess(ProcessBuilder builder) throws IOException {
        process = builder.start();
        process.getOutputStream().close();
        outReader = Thread.ofPlatform().daemon().start(() -> collect(process.inputReader(), out));
        errReader = Thread.ofPlatform().daemon().start(() -> collect(process.errorReader(), err));
    }

    /** Runs the main class with the class path of the test. */
    static BatonProcess start(String... args) throws IOException {
        return startWith("", args);
    }

    /** The same with faults in its handovers. */
    static BatonProcess startWith(String faults, String... args) throws IOException {
        return new BatonProcess(new ProcessBuilder(command(faults, args)));
    }

    /** The same in a PID namespace of its own. */
    static BatonProcess startInPidNamespace(String... args) throws IOException {
        List<String> command = new ArrayList<>(List.of("unshare", "--pid", "--fork", "--kill-child", "--mount-proc"));
        command.addAll(command("", args));
        return new BatonProcess(new ProcessBuilder(command));
    }

    private static List<String> command(String faults, String... args) {
        List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin/java").toString(),
                "-XX:+UseSerialGC", "-Dbaton.handover.faults=" + faults, "--enable-native-access=ALL-UNNAMED",
                "--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED", "-cp", System.getProperty("java.class.path"),
                "dev.baton.tools.Main"));
        command.addAll(List.of(args));
        return command;
    }

    /** Runs any command. */
    static BatonProcess startCommand(List<String> command, Map<String, String> environment) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().keySet().retainAll(environment.keySet());
        builder.environment().putAll(environment);
        return new BatonProcess(builder);
    }

    private static void collect(BufferedReader reader, List<String> lines) {
        reader.lines().forEach(lines::add);
    }

    /** Waits until the daemon says that it is ready. */
    BatonProcess awaitReady() throws InterruptedException {
        return awaitLine("baton: ready");
    }

    /** Waits for a line that starts like this. */
    BatonProcess awaitLine(String start) throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
        while (("\n" + out()).indexOf("\n" + start) < 0) {
            assertThat(process.isAlive() && System.nanoTime() < deadline).as("'%s'; said %s %s", start, out, err)
                    .isTrue();
            Thread.sleep(10);
        }
        return this;
    }

    /** Sends a signal and waits for the end. */
    int end(int signal) throws InterruptedException {
        signal(signal);
        return status();
    }

    /** Sends a signal. */
    void signal(int signal) {
        try (PidFd pid = PidFd.open(process.pid())) {
            pid.kill(signal);
        }
    }

    int status() throws InterruptedException {
        assertThat(process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)).as("ended; said %s %s", out, err).isTrue();
        outReader.join();
        errReader.join();
        return process.exitValue();
    }

    long pid() {
        return process.pid();
    }

    String out() {
        synchronized (out) {
            return String.join("\n", out);
        }
    }

    String err() {
        synchronized (err) {
            return String.join("\n", err);
        }
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
