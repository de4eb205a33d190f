package dev.baton.tools.clients;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A takeover comes at any point of a front end's life, and what the front end says to the next owner goes on from
 * there: before it is there, with some of its queues disabled, with its driver gone, paused, and between two of them.
 */
@Timeout(900)
class TakeoverSessionIT {
    @BeforeEach
    void require() {
        BusyGuest.require();
    }

    @ParameterizedTest
    @EnumSource(value = QemuGuest.Socket.class, names = {"CLIENT", "SERVER"})
    void frontEndsComeAndGoBetweenTakeovers(QemuGuest.Socket socket) {
        String mode = socket == QemuGuest.Socket.SERVER ? "client" : "server";
        try (Workplace place = new Workplace(); Namespace host = new Namespace();
                Handovers batons = new Handovers(BatonProcess.start(place,
                        "--port", "vhost-user:vm0,path=" + place.path("vm0") + ",queues=2,mode=" + mode,
                        "--port", "tap:tap0,queues=2,netns=" + host.name(), "--wire", "vm0=tap0"))) {
            batons.takeOver();
            host.configure("tap0", GuestChecks.HOST + "/24");
            QemuGuest.Config config = new QemuGuest.Config(QemuBinary.newest(), place.path("vm0"), socket, 2, "");
            try (QemuGuest guest = QemuGuest.start(config)) {
                guest.awaitReady();
                GuestChecks.ping(guest, host);

                guest.check("ethtool -L eth0 combined 1");
                batons.takeOver();
                GuestChecks.ping(guest, host);
                guest.check("ethtool -L eth0 combined 2");
                GuestChecks.ping(guest, host);

                guest.check("rmmod virtio_net");
                batons.takeOver();
                guest.check("insmod /modules/virtio_net.ko && configure");
                GuestChecks.ping(guest, host);

                guest.monitor("stop");
                batons.takeOver();
                guest.monitor("cont");
                GuestChecks.ping(guest, host);
                guest.powerOff();
            }
            batons.takeOver();
            try (QemuGuest guest = QemuGuest.start(config)) {
                guest.awaitReady();
                GuestChecks.ping(guest, host);
                guest.powerOff();
            }
            batons.active().terminate();
        }
    }
}
