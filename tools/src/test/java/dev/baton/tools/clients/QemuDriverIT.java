package dev.baton.tools.clients;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What a guest's driver and its user do to a device while it carries traffic. */
@Timeout(900)
class QemuDriverIT {
    private static final int RING_PACKED = 34;
    private static final int RING_RESET = 40;

    @BeforeEach
    void require() {
        RequireClients.baton();
        RequireClients.namespaces();
        RequireClients.guest();
        QemuBinary.oldest();
    }

    /** The older QEMU with split virtqueues, the newer one with packed ones. */
    static Stream<Arguments> guests() {
        return QemuBinary.all().stream().map(qemu -> Arguments.of(qemu, qemu.needsIntx() ? "" : "packed=on"));
    }

    @ParameterizedTest(name = "{0} {1}")
    @MethodSource("guests")
    void linkDownQueueChangePauseDriverReloadAndReboot(QemuBinary qemu, String device) {
        try (Workplace place = new Workplace(); Namespace host = new Namespace();
                BatonProcess baton = BatonProcess.start(place,
                        "--port", "vhost-user:vm0,path=" + place.path("vm0") + ",queues=2",
                        "--port", "tap:tap0,queues=2,netns=" + host.name(), "--wire", "vm0=tap0");
                QemuGuest guest = QemuGuest.start(
                        new QemuGuest.Config(qemu, place.path("vm0"), QemuGuest.Socket.CLIENT, 2, device))) {
            host.configure("tap0", GuestChecks.HOST + "/24");
            guest.awaitReady();
            assertThat(guest.acked(RING_PACKED)).as("feature RING_PACKED").isEqualTo(!device.isEmpty());
            everyQueueWorks(guest, host);

            guest.check("ip link set eth0 down && sleep 1 && ip link set eth0 up");
            everyQueueWorks(guest, host);

            host.check("ip", "link", "set", "tap0", "down");
            guest.run("ping -q -c 3 -W 1 " + GuestChecks.HOST);
            host.check("ip", "link", "set", "tap0", "up");
            everyQueueWorks(guest, host);

            // QEMU would let the guest reset a ring and not tell the back end.
            assertThat(guest.acked(RING_RESET)).as("feature RING_RESET").isFalse();
            underTraffic(guest, host);
            everyQueueWorks(guest, host);

            try (PingStream stream = PingStream.start(host, QemuGuest.ADDRESS, 5)) {
                stream.awaitReply();
                guest.check("rmmod virtio_net && insmod /modules/virtio_net.ko && configure");
                everyQueueWorks(guest, host);
                stream.awaitReply();
                guest.reboot();
                stream.awaitReply();
            }
            everyQueueWorks(guest, host);

            guest.powerOff();
            assertThat(baton.alive()).isTrue();
            baton.terminate();
        }
    }

    /** Queues come and go, the machine rests, and the device loses its driver and gets it again. */
    private static void underTraffic(QemuGuest guest, Namespace host) {
        try (Child server = Child.start("iperf3-server", host.exec("iperf3", "--server", "--forceflush"))) {
            server.await(Pattern.compile("listening"), 0, GuestChecks.LIMIT);
            GuestLoad load = GuestLoad.start(guest, GuestChecks.HOST, 2, "10M");
            for (int queues : new int[] {1, 2, 1, 2}) {
                guest.check("ethtool -L eth0 combined " + queues);
                load.awaitProgress();
            }
            guest.monitor("stop");
            host.run(GuestChecks.LIMIT, "ping", "-n", "-q", "-c", "2", "-W", "1", QemuGuest.ADDRESS);
            guest.monitor("cont");
            load.awaitProgress();
            // The PCI device, above the virtio device that the interface belongs to.
            guest.check("pci=$(basename $(dirname $(readlink -f /sys/class/net/eth0/device)))"
                    + " && cd /sys/bus/pci/drivers/virtio-pci");
            for (int i = 0; i < 2; i++) {
                guest.check("echo $pci >unbind && [ ! -e /sys/class/net/eth0 ] && sleep 0.5 && echo $pci >bind"
                        + " && configure");
                load.awaitProgress();
            }
            load.stop();
        }
    }

    private static void everyQueueWorks(QemuGuest guest, Namespace host) {
        GuestChecks.ping(guest, host);
        // The guest picks the transmit queue by processor.
        for (int cpu = 0; cpu < 2; cpu++) {
            guest.check("taskset -c " + cpu + " ping -q -c 3 -W 10 " + GuestChecks.HOST);
        }
    }
}
