package dev.baton.tools.clients;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * What a guest does all the time while a test does other things to its datapath: it pings a peer, and one iperf3 run
 * sends to that peer and receives from it over TCP connections that stay the same.
 */
final class GuestLoad {
    private static final Duration LIMIT = Duration.ofMinutes(2);
    private static final String PING_INTERVAL_S = "0.01";
    private static final Pattern CONNECTED = Pattern.compile("(?m)^\\[ *(\\d+)\\] local .* connected");
    /** Prints how many answers came, requests up to the last of them, answers that came again, and out of order. */
    private static final String SUM = "awk -F'[ =]' '/ icmp_seq=/ { n++; s = $6 + 0; "
            + "while (s < last - 32768) s += 65536; if (n == 1) first = s; "
            + "if (/DUP/) d++; else if (s < last) r++; if (s > last) last = s } "
            + "END { print n + 0, last - first + 1, d + 0, r + 0 }' /tmp/ping";

    private final QemuGuest guest;
    private final int streams;

    private GuestLoad(QemuGuest guest, int streams) {
        this.guest = guest;
        this.streams = streams;
    }

    /**
     * Starts both, and waits until all connections carry data.
     *
     * @param guest   who does it
     * @param peer    address of the other side, where an iperf3 server listens
     * @param streams connections each way
     * @param bitrate of each of them, such as {@code 50M}
     */
    static GuestLoad start(QemuGuest guest, String peer, int streams, String bitrate) {
        guest.check(": >/tmp/iperf; : >/tmp/ping; (iperf3 --client " + peer + " --bidir --parallel " + streams
                + " --bitrate " + bitrate + " --time 86400 --interval 0.5 --forceflush >>/tmp/iperf 2>&1; "
                + "echo ended >>/tmp/iperf) & "
                + "(iputils-ping -n -i " + PING_INTERVAL_S + " " + peer + " >>/tmp/ping 2>&1) & true");
        GuestLoad load = new GuestLoad(guest, streams);
        load.awaitProgress();
        return load;
    }

    /** Waits until each connection has carried data in two intervals from now on, and a ping was answered. */
    void awaitProgress() {
        long iperf = guest.number("wc -l </tmp/iperf");
        long ping = guest.number("wc -l </tmp/ping");
        Poll.until(LIMIT, () -> "traffic goes on:\n" + guest.check("tail -n 20 /tmp/iperf /tmp/ping"), () -> {
            Poll.pause(Duration.ofMillis(500));
            String news = guest.check("tail -n +" + (iperf + 1) + " /tmp/iperf");
            assertThat(news).as("iperf3").doesNotContain("ended", "error");
            List<Integer> connections = connections();
            return connections.size() == 2 * streams && connections.stream().allMatch(id -> carried(news, id))
                    && guest.number("wc -l </tmp/ping") > ping;
        });
    }

    private List<Integer> connections() {
        return CONNECTED.matcher(guest.check("head -n " + (2 * streams + 2) + " /tmp/iperf")).results()
                .map(match -> Integer.valueOf(match.group(1))).toList();
    }

    private static boolean carried(String text, int connection) {
        return Pattern.compile("(?m)^\\[ *" + connection + "\\]\\[..-C\\] +\\S+ +sec +(?!0\\.00)\\S").matcher(text)
                .results().count() >= 2;
    }

    /** Ends both and gives what became of the pings. */
    Pings stop() {
        guest.check("killall -INT iputils-ping iperf3; for i in $(seq 100); do pidof iputils-ping iperf3 >/dev/null "
                + "|| break; sleep 0.1; done; ! pidof iputils-ping iperf3");
        long[] numbers = Stream.of(guest.check(SUM).split(" ", -1)).mapToLong(Long::parseLong).toArray();
        return new Pings(numbers[0], numbers[1], numbers[2], numbers[3]);
    }

    /**
     * What became of the pings, from the first answered to the last.
     *
     * @param answers    how many came
     * @param requests   how many were sent
     * @param duplicates answers that came again
     * @param reordered  answers that came after a later one
     */
    record Pings(long answers, long requests, long duplicates, long reordered) {
        long lost() {
            return requests - (answers - duplicates);
        }
    }
}
