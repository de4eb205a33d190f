package dev.baton.tools.clients;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Two stock Linux guests on one wire. Alike they leave checksums and segmentation to each other; one that takes no
 * offload gets whole frames from one that leaves everything to it.
 */
@Timeout(900)
class QemuToQemuIT {
    private static final String OTHER = "10.77.0.3";
    private static final int MEGABYTES = 48;
    private static final long MAX_FRAME = 1514;
    private static final String TAKES_NONE =
            "guest_csum=off,guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off";

    @BeforeEach
    void require() {
        RequireClients.baton();
        RequireClients.guest();
        QemuBinary.newest();
    }

    @Test
    void guestsLeaveOffloadsToEachOtherAsFarAsTheOtherTakesThem() {
        try (Workplace place = new Workplace(); BatonProcess baton = baton(place);
                QemuGuest one = guest(place, QemuGuest.ADDRESS, 0, "");
                QemuGuest other = guest(place, OTHER, 1, TAKES_NONE)) {
            one.awaitReady();
            other.awaitReady();
            configure(one, "10.77.1.2");
            configure(other, "10.77.1.3");
            GuestChecks.serve(other);

            assertThat(other.acked("eth0", 7)).as("GUEST_TSO4 of the equal").isTrue();
            transfer(baton, one, OTHER, false, "vm0", "vm1", true);
            transfer(baton, one, OTHER, true, "vm1", "vm0", true);
            assertThat(baton.stat().number("vm0", "softwareOffload")).isZero();
            assertThat(baton.stat().number("vm1", "softwareOffload")).isZero();

            for (int feature : List.of(1, 7, 8, 9)) {
                assertThat(other.acked("eth1", feature)).as("feature %d of the other", feature).isFalse();
            }
            transfer(baton, one, "10.77.1.3", false, "vm2", "vm3", false);
            assertThat(baton.stat().number("vm3", "softwareOffload")).isPositive();
            // The one that takes none still leaves everything to its peer.
            transfer(baton, one, "10.77.1.3", true, "vm3", "vm2", true);
            assertThat(baton.stat().number("vm2", "softwareOffload")).isZero();
            for (QemuGuest guest : List.of(one, other)) {
                assertThat(guest.check("dmesg | grep -cE 'Oops|BUG:|Call Trace|bad csum|bad gso' || true"))
                        .isEqualTo("0");
                guest.powerOff();
            }
            assertThat(baton.alive()).isTrue();
            baton.terminate();
        }
    }

    private static BatonProcess baton(Workplace place) {
        List<String> options = new ArrayList<>(List.of("--wire", "vm0=vm1", "--wire", "vm2=vm3"));
        for (int i = 0; i < 4; i++) {
            options.addAll(List.of("--port", "vhost-user:vm" + i + ",path=" + place.path("vm" + i)));
        }
        return BatonProcess.start(place, options.toArray(String[]::new));
    }

    /** A guest whose first interface has all features, and the second these options. */
    private static QemuGuest guest(Workplace place, String address, int number, String device) {
        return QemuGuest.start(new QemuGuest.Config(QemuBinary.newest(), place.path("vm" + number),
                QemuGuest.Socket.CLIENT, 1, "", address, List.of(new QemuGuest.Interface(
                        place.path("vm" + (number + 2)), "52:54:00:77:01:0" + number, device))));
    }

    private static void configure(QemuGuest guest, String address) {
        guest.check("ip addr add " + address + "/24 dev eth1 && ip link set eth1 up");
    }

    /** Transfers, and looks at how long the frames were that entered by one port and left by the other. */
    private static void transfer(BatonProcess baton, QemuGuest client, String server, boolean reverse, String from,
            String to, boolean longReceived) {
        client.check("ping -q -c 3 -w 60 " + server);
        final BatonProcess.Stat before = baton.stat();
        assertThat(Iperf.transfer(client, server, MEGABYTES, 1, reverse)).isGreaterThan(MEGABYTES * 500_000L);
        BatonProcess.Stat after = baton.settled();
        long sent = (after.rxBytes(from) - before.rxBytes(from)) / (after.rxFrames(from) - before.rxFrames(from));
        long received = (after.txBytes(to) - before.txBytes(to)) / (after.txFrames(to) - before.txFrames(to));
        System.out.printf("TCP %s to %s: %d bytes a frame sent, %d received, %d in software; drops %d %d%n", from, to,
                sent, received, after.number(to, "softwareOffload"), after.drops(from), after.drops(to));
        assertThat(sent).as("bytes a frame of %s: segments to be cut", from).isGreaterThan(MAX_FRAME);
        assertThat(received > MAX_FRAME).as("frames for %s are segments to be cut", to).isEqualTo(longReceived);
        assertThat(after.drops(from)).isZero();
        assertThat(after.drops(to)).isZero();
    }
}
