package dev.baton.tools.clients;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Baton ends, politely and otherwise, and starts again while the guest runs on. */
@Timeout(900)
class QemuRestartIT {
    private static final int RING_PACKED = 34;

    @BeforeEach
    void require() {
        RequireClients.baton();
        RequireClients.namespaces();
        RequireClients.guest();
        QemuBinary.oldest();
    }

    /** Packed virtqueues with one of the two sockets: what is in the ring does not depend on who listens. */
    static Stream<Arguments> guests() {
        return QemuBinary.all().stream().flatMap(qemu -> Stream.of(
                Arguments.of(qemu, QemuGuest.Socket.SERVER, ""),
                Arguments.of(qemu, QemuGuest.Socket.RECONNECTING_CLIENT, ""),
                Arguments.of(qemu, QemuGuest.Socket.SERVER, "packed=on")));
    }

    private static BatonProcess baton(Workplace place, Namespace host, QemuGuest.Socket socket) {
        String mode = socket == QemuGuest.Socket.SERVER ? "client" : "server";
        BatonProcess baton = BatonProcess.start(place,
                "--port", "vhost-user:vm0,path=" + place.path("vm0") + ",queues=2,mode=" + mode,
                "--port", "tap:tap0,queues=2,netns=" + host.name(), "--wire", "vm0=tap0");
        host.configure("tap0", GuestChecks.HOST + "/24");
        return baton;
    }

    @ParameterizedTest(name = "{0} as {1} {2}")
    @MethodSource("guests")
    void trafficComesBackAfterARestart(QemuBinary qemu, QemuGuest.Socket socket, String device) {
        try (Workplace place = new Workplace(); Namespace host = new Namespace();
                QemuGuest guest = QemuGuest.start(
                        new QemuGuest.Config(qemu, place.path("vm0"), socket, 2, device))) {
            try (BatonProcess first = baton(place, host, socket)) {
                guest.awaitReady();
                assertThat(guest.acked(RING_PACKED)).as("feature RING_PACKED").isEqualTo(!device.isEmpty());
                GuestChecks.ping(guest, host);
                first.terminate();
            }
            try (BatonProcess second = baton(place, host, socket)) {
                GuestChecks.ping(guest, host);
                second.kill();
            }
            try (BatonProcess third = baton(place, host, socket)) {
                GuestChecks.ping(guest, host);
                GuestChecks.serve(guest);
                GuestChecks.tcp(host, 16, 4, false);
                GuestChecks.tcp(host, 16, 4, true);
                guest.powerOff();
                assertThat(third.alive()).isTrue();
                third.terminate();
            }
        }
    }
}
