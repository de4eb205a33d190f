package dev.baton.tools.clients;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * DPDK's testpmd, on its prompt. As a virtio-user front end it is the client of {@code baton run}; with vhost ports it
 * is the back end that this harness was checked against.
 *
 * <p>Its memory is one file of hugepages: by default every page would be a memory region, and vhost-user carries few.
 */
final class Testpmd implements AutoCloseable {
    private static final Pattern PROMPT = Pattern.compile("testpmd> ");
    private static final Pattern PORT = Pattern.compile("statistics for port (\\d+)(.*?)#{40}", Pattern.DOTALL);
    private static final Duration LIMIT = Duration.ofMinutes(1);

    private final Child child;

    private Testpmd(Child child) {
        this.child = child;
    }

    /**
     * Starts testpmd and waits for its prompt.
     *
     * @param name    of the process, in messages and in DPDK
     * @param cpu     where it polls
     * @param vdevs   its ports
     * @param options further options of testpmd itself
     */
    static Testpmd start(String name, int cpu, List<String> vdevs, String... options) {
        return start(List.of(), name, cpu, vdevs, options);
    }

    /** As {@link #start(String, int, List, String...)}, by way of a command such as {@code ip netns exec NAME}. */
    static Testpmd start(List<String> by, String name, int cpu, List<String> vdevs, String... options) {
        String core = Integer.toString(cpu % Runtime.getRuntime().availableProcessors());
        List<String> command = new ArrayList<>(by);
        command.addAll(List.of("taskset", "-c", core, "stdbuf", "-oL", "dpdk-testpmd", "--lcores",
                "0@" + core + ",1@" + core, "--in-memory", "--single-file-segments", "--no-pci", "--no-telemetry",
                "-m", "128", "--file-prefix", name + "-" + ProcessHandle.current().pid()));
        vdevs.forEach(vdev -> command.addAll(List.of("--vdev", vdev)));
        command.addAll(List.of("--", "-i", "--total-num-mbufs=16384"));
        command.addAll(List.of(options));
        Child child = Child.start(name, command);
        try {
            child.await(PROMPT, 0, Duration.ofMinutes(2));
        } catch (AssertionError e) {
            child.close();
            throw e;
        }
        return new Testpmd(child);
    }

    /** A {@link VirtioUser} as most tests want it. */
    static String virtioUser(int index, Path socket, int queuePairs, boolean mergeable) {
        return VirtioUser.of(queuePairs, mergeable).vdev(index, socket);
    }

    /** Types a command and gives what is printed up to the next prompt. */
    String command(String line) {
        int mark = child.mark();
        child.send(line);
        child.await(PROMPT, mark, LIMIT);
        return child.outputFrom(mark);
    }

    void stopForwarding() {
        int mark = child.mark();
        child.send("stop");
        child.await(Pattern.compile("Done\\.\\s+testpmd> "), mark, LIMIT);
    }

    /** The counters of all ports, by port number. */
    Map<Integer, PortStats> stats() {
        Map<Integer, PortStats> ports = new TreeMap<>();
        Matcher matcher = PORT.matcher(command("show port stats all"));
        while (matcher.find()) {
            String text = matcher.group(2);
            ports.put(Integer.valueOf(matcher.group(1)), new PortStats(
                    number(text, "RX-packets"), number(text, "RX-bytes"), number(text, "RX-missed"),
                    number(text, "RX-errors"), number(text, "TX-packets"), number(text, "TX-bytes"),
                    number(text, "TX-errors")));
        }
        return ports;
    }

    PortStats stats(int port) {
        PortStats stats = stats().get(port);
        if (stats == null) {
            throw new AssertionError("testpmd shows no port " + port + ":\n" + child.tail());
        }
        return stats;
    }

    /** One extended counter of a port, such as {@code rx_q1_good_packets}. */
    long extended(int port, String counter) {
        return number(command("show port xstats " + port), counter);
    }

    private static long number(String text, String label) {
        Matcher matcher = Pattern.compile(Pattern.quote(label) + ":\\s+(\\d+)").matcher(text);
        if (!matcher.find()) {
            throw new AssertionError("no " + label + " in:\n" + text);
        }
        return Long.parseLong(matcher.group(1));
    }

    boolean alive() {
        return child.alive();
    }

    /** SIGKILL: it closes nothing by itself. */
    void kill() {
        child.kill();
        child.awaitExit(LIMIT);
    }

    String tail() {
        return child.tail();
    }

    @Override
    public void close() {
        if (child.alive()) {
            try {
                child.send("quit");
                child.awaitExit(Duration.ofSeconds(20));
            } catch (AssertionError e) {
                // It is ended less gently below.
            }
        }
        child.close();
    }

    /** What testpmd counted at a port; bytes are of whole frames without the checksum at their end. */
    record PortStats(long rxFrames, long rxBytes, long rxMissed, long rxErrors, long txFrames, long txBytes,
            long txErrors) {
    }
}
