package dev.baton.tools.clients;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;

/** What a guest and a namespace can do together when the datapath between them works. */
final class GuestChecks {
    /** The namespace's address. */
    static final String HOST = "10.77.0.1";

    static final Duration LIMIT = Duration.ofMinutes(2);

    private GuestChecks() {
    }

    /** Both sides ping each other, without a loss once the first answer came. */
    static void ping(QemuGuest guest, Namespace host) {
        host.awaitPing(QemuGuest.ADDRESS, LIMIT);
        // Not by ping's own count: after its last request it waits for no more than twice the longest time that an
        // answer took so far.
        try (PingStream stream = PingStream.start(host, QemuGuest.ADDRESS, 50)) {
            for (int i = 0; i < 20; i++) {
                stream.awaitReply();
            }
            PingStream.Report report = stream.stop();
            assertThat(report.lost() + report.duplicates()).as("pings lost or doubled").isZero();
        }
        assertThat(guest.check("ping -q -c 5 -W 10 " + HOST)).contains(" 0% packet loss");
        // As long as fits into one frame, and as fragments of a longer packet.
        host.check("ping", "-n", "-q", "-c", "3", "-W", "10", "-M", "do", "-s", "1472", QemuGuest.ADDRESS);
        host.check("ping", "-n", "-q", "-c", "3", "-W", "10", "-s", "8000", QemuGuest.ADDRESS);
    }

    /** Starts an iperf3 server in the guest. */
    static void serve(QemuGuest guest) {
        guest.check("iperf3 --server --daemon >/dev/null && until netstat -ltn | grep -q :5201; do sleep 0.2; done");
    }

    /** One TCP transfer. */
    static void tcp(Namespace host, int megabytes, int streams, boolean fromGuest) {
        assertThat(Iperf.transfer(host, QemuGuest.ADDRESS, megabytes, streams, fromGuest))
                .as("bytes received, %s the guest", fromGuest ? "from" : "to")
                .isGreaterThan(megabytes * 500_000L);
    }
}
