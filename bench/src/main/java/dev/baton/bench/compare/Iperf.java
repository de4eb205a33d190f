package dev.baton.bench.compare;

import dev.baton.bench.BenchFailure;
import dev.baton.tools.json.JsonReader;
import java.util.ArrayList;
import java.util.List;

/** One TCP connection of iperf3: what counts is what the receiving program got. */
final class Iperf {
    private static final int PATIENCE_SECONDS = 30;
    private static final int TRIES = 20;

    private Iperf() {
    }

    /**
     * Runs a client, which sends to a server or, in reverse, has it send.
     *
     * @param bench   where it belongs
     * @param from    where the client is
     * @param cpus    of the client
     * @param server  the address of a server that listens
     * @param seconds whole seconds, one at least: iperf3 knows no others
     * @return bits of data a second
     */
    static double bitsPerSecond(Bench bench, Namespace from, String cpus, String server, double seconds,
                                boolean reverse) {
        long whole = Math.max(1, Math.round(seconds));
        List<String> command = new ArrayList<>(from.inside());
        command.addAll(List.of("iperf3", "--json", "--client", server, "--time", String.valueOf(whole)));
        if (reverse) {
            command.add("--reverse");
        }
        String report = "";
        for (int i = 0; i < TRIES; i++) {
            report = bench.start("iperf3-client", cpus, command).output((int) whole + PATIENCE_SECONDS);
            Object tree = JsonReader.parse(report);
            if (JsonReader.at(tree, "end", "sum_received", "bits_per_second") instanceof Number rate) {
                return rate.doubleValue();
            }
            // A server has one client at a time, and may not be done with the last one.
            Pause.settle();
        }
        throw new BenchFailure("iperf3 tells no rate:\n" + report);
    }
}
