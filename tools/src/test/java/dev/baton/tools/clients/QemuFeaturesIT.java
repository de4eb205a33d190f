package dev.baton.tools.clients;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Guests that differ from the usual one in one feature: a stock Linux guest with an interface for each, all of them in
 * one boot, each wired to a TAP of its own.
 */
@Timeout(900)
class QemuFeaturesIT {
    private static final int MEGABYTES = 16;
    private static final int RING_PACKED = 34;

    /** An interface: options of QEMU's device, and the features that it must not have then. */
    private record Variant(String device, List<Integer> without) {
    }

    private static final List<Variant> VARIANTS = List.of(
            new Variant("mrg_rxbuf=off", List.of(15)),
            new Variant("indirect_desc=off", List.of(28)),
            new Variant("event_idx=off", List.of(29)),
            new Variant("mrg_rxbuf=off,indirect_desc=off,event_idx=off", List.of(15, 28, 29)),
            new Variant("csum=off", List.of(0)),
            new Variant("host_tso4=off", List.of(11)),
            new Variant("host_tso6=off,host_ecn=off", List.of(12, 13)),
            new Variant("guest_csum=off", List.of(1)),
            new Variant("guest_tso4=off", List.of(7)),
            new Variant("guest_tso6=off,guest_ecn=off", List.of(8, 9)),
            new Variant("packed=on", List.of()),
            new Variant("packed=on,mrg_rxbuf=off,indirect_desc=off,event_idx=off", List.of(15, 28, 29)),
            new Variant("rx_queue_size=1024,tx_queue_size=1024", List.of()),
            new Variant("disable-modern=on,mrg_rxbuf=off", List.of(15, 32)));

    @BeforeEach
    void require() {
        RequireClients.baton();
        RequireClients.namespaces();
        RequireClients.guest();
        QemuBinary.newest();
    }

    @Test
    void everyFeatureMayBeMissing() {
        try (Workplace place = new Workplace(); Namespace host = new Namespace();
                BatonProcess baton = BatonProcess.start(place, ports(place, host).toArray(String[]::new));
                QemuGuest guest = QemuGuest.start(new QemuGuest.Config(QemuBinary.newest(), place.path("vm0"),
                        QemuGuest.Socket.CLIENT, 1, "", QemuGuest.ADDRESS, interfaces(place)))) {
            guest.awaitReady();
            GuestChecks.serve(guest);
            for (int number = 1; number <= VARIANTS.size(); number++) {
                works(VARIANTS.get(number - 1), number, guest, host, baton);
            }
            guest.powerOff();
            assertThat(baton.alive()).isTrue();
            baton.terminate();
        }
    }

    private static List<String> ports(Workplace place, Namespace host) {
        List<String> options = new ArrayList<>();
        for (int number = 0; number <= VARIANTS.size(); number++) {
            options.addAll(List.of("--port", "vhost-user:vm" + number + ",path=" + place.path("vm" + number),
                    "--port", "tap:tap" + number + ",netns=" + host.name(), "--wire", "vm" + number + "=tap" + number));
        }
        return options;
    }

    private static List<QemuGuest.Interface> interfaces(Workplace place) {
        List<QemuGuest.Interface> interfaces = new ArrayList<>();
        for (int number = 1; number <= VARIANTS.size(); number++) {
            interfaces.add(new QemuGuest.Interface(place.path("vm" + number), mac(number),
                    VARIANTS.get(number - 1).device()));
        }
        return interfaces;
    }

    private static String mac(int number) {
        return String.format("52:54:00:77:01:%02x", number);
    }

    private static void works(Variant variant, int number, QemuGuest guest, Namespace host, BatonProcess baton) {
        String device = "eth" + number;
        final String network = "10.78." + number;
        assertThat(guest.check("cat /sys/class/net/" + device + "/address")).isEqualTo(mac(number));
        for (int feature : variant.without()) {
            assertThat(guest.acked(device, feature)).as("%s: feature %d", variant, feature).isFalse();
        }
        assertThat(guest.acked(device, RING_PACKED)).as("%s: RING_PACKED", variant)
                .isEqualTo(variant.device().startsWith("packed=on"));
        guest.check("ip addr add " + network + ".2/24 dev " + device + " && ip link set " + device + " up");
        host.configure("tap" + number, network + ".1/24");
        String address = network + ".2";
        host.awaitPing(address, GuestChecks.LIMIT);
        host.check("ping", "-n", "-q", "-c", "3", "-W", "10", "-M", "do", "-s", "1472", address);
        host.check("ping", "-n", "-q", "-c", "3", "-W", "10", "-s", "8000", address);
        for (boolean fromGuest : new boolean[] {false, true}) {
            assertThat(Iperf.transfer(host, address, MEGABYTES, 1, fromGuest))
                    .as("%s: bytes %s the guest", variant, fromGuest ? "from" : "to")
                    .isGreaterThan(MEGABYTES * 500_000L);
        }
        BatonProcess.Stat stat = baton.settled();
        System.out.printf("%s: drops vm %d tap %d%n", variant.device(), stat.drops("vm" + number),
                stat.drops("tap" + number));
        assertThat(stat.drops("vm" + number)).as("%s: drops to the guest", variant).isZero();
        assertThat(stat.drops("tap" + number)).as("%s: drops to the kernel", variant).isZero();
    }
}
