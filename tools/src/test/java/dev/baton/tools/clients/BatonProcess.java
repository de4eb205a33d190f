package dev.baton.tools.clients;

import dev.baton.tools.control.ControlClient;
import dev.baton.tools.control.ControlReply;
import dev.baton.tools.json.JsonReader;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** A {@code baton run} process, as a user starts it, or one that takes over from it. */
final class BatonProcess implements AutoCloseable {
    private static final Duration START = Duration.ofMinutes(2);
    private static final Duration END = Duration.ofSeconds(30);
    private static final Pattern READY = Pattern.compile("(?m)^baton: ready");
    private static final Pattern STANDS_BY = Pattern.compile("(?mi)^baton: stand");

    private final Child child;
    private final Path control;

    private BatonProcess(Child child, Path control) {
        this.child = child;
        this.control = control;
    }

    private static String launcher() {
        return RequireClients.project().resolve("baton").toString();
    }

    /**
     * Starts {@code baton run} and waits until it answers on its control socket.
     *
     * @param place   where the control socket is made
     * @param options the options but for {@code --control}
     */
    static BatonProcess start(Workplace place, String... options) {
        Path control = place.path("control");
        List<String> command = new ArrayList<>(List.of(launcher(), "run", "--control", control.toString()));
        command.addAll(List.of(options));
        BatonProcess baton = new BatonProcess(Child.start("baton", command), control);
        try {
            Poll.until(START, () -> "the control socket answers:\n" + baton.child.tail(), () -> {
                if (!baton.child.alive()) {
                    throw new AssertionError("baton ended:\n" + baton.child.tail());
                }
                return baton.answers();
            });
        } catch (AssertionError e) {
            baton.close();
            throw e;
        }
        return baton;
    }

    /**
     * {@code baton takeover}: gives the new owner when it is ready and answers on the control socket. Fails unless this
     * one has then ended with status 0.
     */
    BatonProcess takeOver() {
        BatonProcess next = beside("takeover");
        try {
            next.child.await(READY, 0, START);
            ended();
            next.awaitOwner();
        } catch (AssertionError e) {
            next.close();
            throw e;
        }
        return next;
    }

    /** {@code baton standby}: gives it when it stands by. */
    BatonProcess standBy() {
        BatonProcess standby = beside("standby");
        try {
            standby.child.await(STANDS_BY, 0, START);
        } catch (AssertionError e) {
            standby.close();
            throw e;
        }
        return standby;
    }

    private BatonProcess beside(String command) {
        return new BatonProcess(Child.start("baton-" + command,
                List.of(launcher(), command, "--control", control.toString())), control);
    }

    /** Waits until it is this one who answers on the control socket. */
    void awaitOwner() {
        Poll.until(START, () -> "process " + child.pid() + " answers on the control socket:\n" + child.tail(), () -> {
            if (!child.alive()) {
                throw new AssertionError("baton ended:\n" + child.tail());
            }
            try {
                return JsonReader.number(ask().tree(), "pid").longValue() == child.pid();
            } catch (IOException e) {
                return false;
            }
        });
    }

    private Stat ask() throws IOException {
        try (ControlClient client = ControlClient.connect(control); ControlReply reply = client.ask("stat")) {
            return new Stat(reply.document());
        }
    }

    private boolean answers() {
        try {
            ask();
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    /** The counters now, asked from the control socket: what {@link #printedStat} prints, without a JVM for each. */
    Stat stat() {
        try {
            return ask();
        } catch (IOException e) {
            throw new AssertionError("the control socket does not answer; baton says:\n" + child.tail(), e);
        }
    }

    /** What {@code baton stat --json} prints now. */
    Stat printedStat() {
        return new Stat(JsonReader.parse(
                Command.check(launcher(), "stat", "--control", control.toString(), "--json")));
    }

    /**
     * Waits until a front end has all its rings running and enabled. What it sends to a disabled one is discarded, as
     * vhost-user wants it, and testpmd does not wait for an answer to its last message before it sends.
     */
    void awaitRings(String port, int queuePairs) {
        String wanted = String.format("%1$d of %1$d virtqueues running, %1$d enabled", 2 * queuePairs);
        Poll.until(START, () -> port + " has " + wanted + ": " + stat(),
                () -> String.valueOf(JsonReader.at(stat().tree(), "ports", port, "state")).contains(wanted));
    }

    /** Waits until the counters stand still, and gives them. */
    Stat settled() {
        Stat[] last = {stat()};
        Poll.until(Duration.ofMinutes(1), () -> "the counters stand still", () -> {
            Poll.pause(Duration.ofMillis(300));
            Stat next = stat();
            boolean still = next.frames() == last[0].frames();
            last[0] = next;
            return still;
        });
        return last[0];
    }

    boolean alive() {
        return child.alive();
    }

    String output() {
        return child.outputFrom(0);
    }

    /** SIGTERM; fails unless Baton then ends with status 0 in time. */
    void terminate() {
        child.terminate();
        ended();
    }

    private void ended() {
        int exit = child.awaitExit(END);
        if (exit != 0) {
            throw new AssertionError("baton: exit " + exit + "\n" + child.tail());
        }
    }

    /** SIGKILL: it closes nothing by itself. */
    void kill() {
        child.kill();
        child.awaitExit(END);
    }

    @Override
    public void close() {
        child.close();
    }

    /** The document of {@code baton stat}. */
    record Stat(@Nullable Object tree) {
        long number(String port, String... keys) {
            String[] path = new String[keys.length + 2];
            path[0] = "ports";
            path[1] = port;
            System.arraycopy(keys, 0, path, 2, keys.length);
            return JsonReader.number(tree, path).longValue();
        }

        long rxFrames(String port) {
            return number(port, "rx", "frames");
        }

        long rxBytes(String port) {
            return number(port, "rx", "bytes");
        }

        long txFrames(String port) {
            return number(port, "tx", "frames");
        }

        long txBytes(String port) {
            return number(port, "tx", "bytes");
        }

        /** Drops of both directions, for any reason. */
        long drops(String port) {
            return number(port, "rx", "drops", "total") + number(port, "tx", "drops", "total");
        }

        /** All frames of all ports: moves on as long as anything moves. */
        long frames() {
            Object ports = JsonReader.at(tree, "ports");
            long sum = 0;
            if (ports instanceof Map<?, ?> map) {
                for (Object name : map.keySet()) {
                    sum += rxFrames((String) name) + txFrames((String) name);
                }
            }
            return sum;
        }
    }
}
