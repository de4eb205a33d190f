package dev.baton.tools.clients;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A guest moves to another QEMU, each with a Baton of its own, while it is pinged and downloads a file: it goes on,
 * with the file as it was. That no page is missing in the log is for {@code MigrationLogTest} to say, page by page: of
 * an old page here and there a guest would seldom notice.
 */
@Timeout(900)
class QemuMigrationIT {
    private static final Duration LIMIT = Duration.ofMinutes(3);
    private static final int MEGABYTES = 200;

    @BeforeEach
    void require() {
        RequireClients.baton();
        RequireClients.namespaces();
        RequireClients.guest();
        QemuBinary.newest();
    }

    @ParameterizedTest(name = "{1} queue pair(s) {0}")
    @CsvSource({"'',1", "packed=on,1", "'',2"})
    void aGuestGoesOnAtAnotherHost(String device, int queuePairs) {
        QemuBinary qemu = QemuBinary.newest();
        try (Workplace here = new Workplace(); Workplace there = new Workplace(); Namespace network = new Namespace();
                BatonProcess from = baton(here, network, "tap0", queuePairs);
                BatonProcess to = baton(there, network, "tap1", queuePairs);
                QemuGuest guest = QemuGuest.start(config(qemu, here, queuePairs, device)).awaitReady()) {
            bridge(network);
            Path incoming = there.path("incoming");
            try (QemuGuest moved = QemuGuest.awaitMigration(config(qemu, there, queuePairs, device), incoming);
                    HttpFile file = HttpFile.serve(network, here.path("www"), MEGABYTES);
                    PingStream pings = PingStream.start(network, QemuGuest.ADDRESS, 20)) {
                pings.awaitReply();
                guest.check("(wget -q -O - http://" + GuestChecks.HOST + ":" + HttpFile.PORT
                        + "/data | md5sum >/tmp/sum) >/dev/null 2>&1 &");
                awaitFrames(from, 5_000);
                guest.migrate(moved, incoming);

                final long arrived = to.stat().frames();
                pings.awaitReply();
                Poll.until(LIMIT, () -> "the file arrives: " + moved.tail(), () -> moved.run("test -s /tmp/sum").ok());
                assertThat(moved.check("cat /tmp/sum")).startsWith(file.md5());
                assertThat(to.stat().frames()).as("frames through the other Baton").isGreaterThan(arrived);
                PingStream.Report report = pings.stop();
                System.out.printf("migration, %d queue pair(s) %s: %s%n", queuePairs, device,
                    report.describe(List.of()));
                assertThat(report.duplicates()).isZero();
                assertThat(moved.check("dmesg | grep -cE 'Oops|BUG:|Call Trace' || true")).isEqualTo("0");
                moved.powerOff();
            }
            assertThat(from.output() + to.output()).doesNotContain("refused");
        }
    }

    private static BatonProcess baton(Workplace place, Namespace network, String tap, int queuePairs) {
        return BatonProcess.start(place, "--port", "vhost-user:vm0,path=" + place.path("vm0") + ",queues=" + queuePairs,
                "--port", "tap:" + tap + ",queues=" + queuePairs + ",netns=" + network.name(), "--wire", "vm0=" + tap);
    }

    private static QemuGuest.Config config(QemuBinary qemu, Workplace place, int queuePairs, String device) {
        return new QemuGuest.Config(qemu, place.path("vm0"), QemuGuest.Socket.CLIENT, queuePairs, device);
    }

    /** Both hosts' ports are on one network. */
    private static void bridge(Namespace network) {
        network.check("ip", "link", "add", "br0", "type", "bridge");
        for (String tap : new String[] {"tap0", "tap1"}) {
            network.awaitDevice(tap);
            network.check("ip", "link", "set", tap, "master", "br0", "up");
        }
        network.configure("br0", GuestChecks.HOST + "/24");
    }

    private static void awaitFrames(BatonProcess baton, long frames) {
        long before = baton.stat().frames();
        Poll.until(LIMIT, () -> "frames go: " + baton.stat(), () -> baton.stat().frames() > before + frames);
    }
}
