package dev.baton.tools.clients;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfEnvironmentVariable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The harness against DPDK's own vhost back end, without Baton: run it ({@code BATON_REFERENCE=1}) to tell a fault of
 * Baton's from one of the clients' or of these tests.
 */
@Timeout(900)
@EnabledIfEnvironmentVariable(named = "BATON_REFERENCE", matches = "1")
class ReferenceIT {
    @BeforeEach
    void require() {
        RequireClients.namespaces();
        RequireClients.testpmd();
    }

    private static String vhost(int index, Workplace place, String socket, int queuePairs) {
        return "net_vhost" + index + ",iface=" + place.path(socket) + ",queues=" + queuePairs;
    }

    @Test
    void everyTransmittedFrameIsReceived() {
        try (Workplace place = new Workplace();
                Testpmd back = Testpmd.start("back", 1, List.of(vhost(0, place, "vm0", 2)),
                        "--forward-mode=rxonly", "--rxq=2", "--txq=2");
                Testpmd front = Testpmd.start("front", 0, List.of(Testpmd.virtioUser(0, place.path("vm0"), 2, true)),
                        "--forward-mode=txonly", "--txpkts=100", "--rxq=2", "--txq=2")) {
            back.command("start");
            front.command("start");
            Poll.until(Duration.ofSeconds(30), () -> "frames arrive", () -> back.stats(0).rxFrames() > 10_000);
            front.stopForwarding();
            Poll.until(Duration.ofSeconds(30), () -> "all arrived: " + front.stats() + back.stats(),
                    () -> back.stats(0).rxFrames() == front.stats(0).txFrames());
            assertThat(back.stats(0).rxBytes()).isEqualTo(100 * front.stats(0).txFrames());
            assertThat(front.extended(0, "tx_q0_good_packets")).isPositive();
            assertThat(front.extended(0, "tx_q1_good_packets")).isPositive();
        }
    }

    @Test
    void framesCircle() {
        try (Workplace place = new Workplace();
                Testpmd back = Testpmd.start("back", 1, List.of(vhost(0, place, "vm0", 1), vhost(1, place, "vm1", 1)),
                        "--forward-mode=io");
                Testpmd front = Testpmd.start("front", 0, List.of(Testpmd.virtioUser(0, place.path("vm0"), 1, true),
                        Testpmd.virtioUser(1, place.path("vm1"), 1, true)),
                        "--forward-mode=io", "--port-topology=loop")) {
            back.command("start");
            front.command("start tx_first 4");
            Poll.until(Duration.ofSeconds(30), () -> "frames circle", () -> front.stats(0).rxFrames() > 100_000);
            front.stopForwarding();
            Testpmd.PortStats a = front.stats(0);
            Testpmd.PortStats b = front.stats(1);
            assertThat(a.txFrames() + b.txFrames() - a.rxFrames() - b.rxFrames()).isEqualTo(2 * 4 * 32);
            assertThat(back.stats(0).rxFrames()).isEqualTo(a.txFrames());
        }
    }

    @ParameterizedTest
    @MethodSource("dev.baton.tools.clients.QemuBinary#all")
    void guestBehindVhost(QemuBinary qemu) {
        RequireClients.guest();
        try (Workplace place = new Workplace(); Namespace host = new Namespace();
                Testpmd back = Testpmd.start(host.exec(), "back", 1,
                        List.of(vhost(0, place, "vm0", 2), "net_tap0,iface=tap0"),
                        "--forward-mode=io", "--rxq=2", "--txq=2");
                QemuGuest guest = QemuGuest.start(
                        new QemuGuest.Config(qemu, place.path("vm0"), QemuGuest.Socket.CLIENT, 2, ""))) {
            back.command("start");
            host.configure("tap0", GuestChecks.HOST + "/24");
            guest.awaitReady();
            GuestChecks.ping(guest, host);
            GuestChecks.serve(guest);
            GuestChecks.tcp(host, 16, 4, false);
            GuestChecks.tcp(host, 16, 4, true);
            assertThat(guest.number("ethtool -S eth0 | awk '$1 == \"tx_queue_0_packets:\" { print $2 }'")).isPositive();
            guest.check("ip link set eth0 down && sleep 1 && ip link set eth0 up");
            GuestChecks.ping(guest, host);
            guest.check("rmmod virtio_net && insmod /modules/virtio_net.ko && configure");
            GuestChecks.ping(guest, host);
            guest.monitor("stop");
            guest.monitor("cont");
            GuestChecks.ping(guest, host);
            guest.powerOff();
            assertThat(back.alive()).isTrue();
        }
    }
}
