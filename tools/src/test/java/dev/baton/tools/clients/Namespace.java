package dev.baton.tools.clients;

import dev.baton.tools.json.JsonReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;

/** A network namespace of the test's own, without IPv6, so that nothing but the test's traffic is counted. */
final class Namespace implements AutoCloseable {
    private static final AtomicInteger COUNT = new AtomicInteger();

    private final String name;
    private final Runnable undo = this::delete;

    Namespace() {
        name = "baton-it-" + ProcessHandle.current().pid() + "-" + COUNT.incrementAndGet();
        Command.check("ip", "netns", "add", name);
        Undo.register(undo);
        check("sysctl", "-q", "-w", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1");
        check("ip", "link", "set", "lo", "up");
    }

    String name() {
        return name;
    }

    /** The words that start a program in this namespace. */
    List<String> exec(String... command) {
        List<String> words = new ArrayList<>(List.of("ip", "netns", "exec", name));
        words.addAll(List.of(command));
        return words;
    }

    String check(String... command) {
        return Command.check(Duration.ofMinutes(1), exec(command));
    }

    Command.Result run(Duration limit, String... command) {
        return Command.run(limit, exec(command));
    }

    /** Waits for an interface to appear, gives it an address and brings it up. */
    void configure(String device, String address) {
        awaitDevice(device);
        check("ip", "addr", "replace", address, "dev", device);
        check("ip", "link", "set", device, "up");
    }

    void awaitDevice(String device) {
        Poll.until(Duration.ofMinutes(1), () -> "no interface " + device + " in " + name,
                () -> run(Duration.ofSeconds(20), "ip", "link", "show", device).ok());
    }

    /**
     * The counters of an interface, as the kernel names them: {@code rx} is what was written to a TAP, {@code tx} what
     * was read from it.
     */
    Counters counters(String device) {
        Object list = JsonReader.parse(check("ip", "-j", "-s", "link", "show", device));
        Object stats = JsonReader.at(((List<?>) Objects.requireNonNull(list)).getFirst(), "stats64");
        return new Counters(JsonReader.number(stats, "rx", "packets").longValue(),
                JsonReader.number(stats, "rx", "bytes").longValue(),
                JsonReader.number(stats, "tx", "packets").longValue(),
                JsonReader.number(stats, "tx", "bytes").longValue(),
                JsonReader.number(stats, "tx", "dropped").longValue());
    }

    /** Counters of an interface. */
    record Counters(long rxFrames, long rxBytes, long txFrames, long txBytes, long txDropped) {
        Counters minus(Counters before) {
            return new Counters(rxFrames - before.rxFrames, rxBytes - before.rxBytes, txFrames - before.txFrames,
                    txBytes - before.txBytes, txDropped - before.txDropped);
        }
    }

    /** Pings until an answer comes; fails when none has come in time. */
    void awaitPing(String address, Duration limit) {
        Poll.until(limit, () -> "no answer from " + address + " to " + name,
                () -> run(Duration.ofSeconds(20), "ping", "-n", "-q", "-c", "1", "-W", "1", address).ok());
    }

    private void delete() {
        Command.run(Duration.ofSeconds(20), List.of("ip", "netns", "delete", name));
    }

    @Override
    public void close() {
        delete();
        Undo.done(undo);
    }
}
