package dev.baton.tools.clients;

import dev.baton.tools.json.JsonReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;

/** iperf3 in a namespace, as client of a server elsewhere. */
final class Iperf {
    private static final Duration LIMIT = Duration.ofMinutes(3);
    /** Datagrams. */
    private static final int BURST = 32;

    private Iperf() {
    }

    /**
     * Sends so many bytes by TCP and gives how many the other side had received when the last one was sent, which is a
     * little less.
     *
     * @param client  where the client runs
     * @param server  the server's address
     * @param megabytes how much
     * @param streams in how many connections
     * @param reverse false: from the client to the server; true: back
     */
    static long transfer(Namespace client, String server, int megabytes, int streams, boolean reverse) {
        return transfer(command -> Command.check(LIMIT, client.exec(command.toArray(String[]::new))), server,
                megabytes, streams, reverse);
    }

    /** The same with a client in a guest. */
    static long transfer(QemuGuest client, String server, int megabytes, int streams, boolean reverse) {
        return transfer(command -> client.run(String.join(" ", command)).output(), server, megabytes, streams,
                reverse);
    }

    private static long transfer(Function<List<String>, String> run, String server, int megabytes, int streams,
            boolean reverse) {
        List<String> command = new ArrayList<>(List.of("iperf3", "--json", "--client", server,
                "--bytes", megabytes + "M",
                "--parallel", Integer.toString(streams), "--connect-timeout", "10000",
                // Small socket buffers: what lies in them when the last byte was sent counts as not received.
                "--window", "128K"));
        if (reverse) {
            command.add("--reverse");
        }
        String output = output(run, command);
        Object report = JsonReader.parse(output);
        if (!(JsonReader.at(report, "end", "sum_sent", "bytes") instanceof Number sent)
                || sent.longValue() < megabytes * 1_000_000L) {
            throw new AssertionError("iperf3 did not send all: " + JsonReader.at(report, "error") + "\n" + output);
        }
        return JsonReader.number(report, "end", "sum_received", "bytes").longValue();
    }

    /**
     * What became of datagrams.
     *
     * @param sent      how many were
     * @param lost      how many are missing between others that came
     * @param reordered how many came after a later one
     */
    record Datagrams(long sent, long lost, long reordered) {
    }

    /**
     * Sends datagrams by UDP, in bursts.
     *
     * @param client  where the client runs
     * @param server  the server's address
     * @param count   how many
     * @param bytes   of each
     * @param reverse false: from the client to the server; true: back
     */
    static Datagrams datagrams(QemuGuest client, String server, int count, int bytes, boolean reverse) {
        return datagrams(command -> client.run(String.join(" ", command)).output(), server, count, bytes, reverse);
    }

    /** The same with a client in a namespace. */
    static Datagrams datagrams(Namespace client, String server, int count, int bytes, boolean reverse) {
        return datagrams(command -> Command.check(LIMIT, client.exec(command.toArray(String[]::new))), server, count,
                bytes, reverse);
    }

    private static Datagrams datagrams(Function<List<String>, String> run, String server, int count, int bytes,
            boolean reverse) {
        List<String> command = new ArrayList<>(List.of("iperf3", "--json", "--client", server, "--udp",
                // Slow enough for a receiver under emulation, but so many at a time.
                "--bitrate", "20M/" + BURST, "--blockcount", Integer.toString(count),
                "--length", Integer.toString(bytes), "--connect-timeout", "10000"));
        if (reverse) {
            command.add("--reverse");
        }
        Object report = JsonReader.parse(output(run, command));
        if (!(JsonReader.at(report, "end", "streams") instanceof List<?> streams) || streams.size() != 1) {
            throw new AssertionError("iperf3: " + JsonReader.at(report, "error"));
        }
        Object udp = JsonReader.at(streams.getFirst(), "udp");
        return new Datagrams(JsonReader.number(udp, "packets").longValue(),
                JsonReader.number(udp, "lost_packets").longValue(),
                JsonReader.number(udp, "out_of_order").longValue());
    }

    private static String output(Function<List<String>, String> run, List<String> command) {
        String output = run.apply(command);
        for (int tries = 0; tries < 20 && betweenTests(output); tries++) {
            LockSupport.parkNanos(500_000_000);
            output = run.apply(command);
        }
        return output;
    }

    /**
     * The server has one test at a time: it is not done with the last one yet, does not listen again yet, or closed its
     * listening socket, to open another, with this connection in its backlog: then the client connects, is reset, and
     * has no stream yet. iperf3 3.12 does all three, on loopback too, when the server is slow.
     */
    private static boolean betweenTests(String output) {
        return output.contains("Connection refused") || output.contains("server is busy")
                || (output.contains("unable to receive control message: Connection reset by peer")
                        && JsonReader.at(JsonReader.parse(output), "start", "connected") instanceof List<?> streams
                        && streams.isEmpty());
    }
}
