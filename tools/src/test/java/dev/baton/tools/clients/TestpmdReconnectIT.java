package dev.baton.tools.clients;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** One of the two ends of a vhost-user connection is killed while a peer pings through it, and another comes. */
@Timeout(600)
class TestpmdReconnectIT {
    private static final String GUEST = "10.77.0.2";
    private static final int INTERVAL_MS = 5;

    @BeforeEach
    void require() {
        RequireClients.baton();
        RequireClients.namespaces();
        RequireClients.testpmd();
        RequireClients.programs("ping");
    }

    private static BatonProcess baton(Workplace place, Namespace host, String mode) {
        BatonProcess baton = BatonProcess.start(place,
                "--port", "vhost-user:vm0,path=" + place.path("vm0") + ",mode=" + mode,
                "--port", "tap:tap0,netns=" + host.name(), "--wire", "vm0=tap0");
        host.configure("tap0", "10.77.0.1/24");
        return baton;
    }

    /** It answers every ARP request and every ping. */
    private static Testpmd answering(Path socket, VirtioUser user) {
        Testpmd guest = Testpmd.start("answering", 0, List.of(user.vdev(0, socket)), "--forward-mode=icmpecho");
        guest.command("start");
        return guest;
    }

    /** virtio-user reconnects only where it listens. */
    @Test
    void backEndIsKilled() {
        try (Workplace place = new Workplace(); Namespace host = new Namespace()) {
            BatonProcess baton = baton(place, host, "client");
            try (Testpmd guest = answering(place.path("vm0"), VirtioUser.of(1, true).listening());
                    PingStream stream = PingStream.start(host, GUEST, INTERVAL_MS)) {
                for (int i = 0; i < 3; i++) {
                    stream.awaitReply();
                    baton.kill();
                    baton.close();
                    baton = baton(place, host, "client");
                    stream.awaitReply();
                }
                PingStream.Report report = stream.stop();
                assertThat(report.duplicates()).as("pings answered twice").isZero();
                assertThat(report.reordered()).as("pings answered out of order").isZero();
                assertThat(guest.alive()).isTrue();
            } finally {
                baton.close();
            }
        }
    }

    @Test
    void frontEndIsKilled() {
        try (Workplace place = new Workplace(); Namespace host = new Namespace();
                BatonProcess baton = baton(place, host, "server");
                PingStream stream = PingStream.start(host, GUEST, INTERVAL_MS)) {
            // Another kind of guest each time: what one has acked is nothing to the next.
            for (VirtioUser user : List.of(VirtioUser.of(1, true), VirtioUser.of(1, false).outOfOrder(),
                    VirtioUser.of(1, true).withQueueSize(256))) {
                try (Testpmd guest = answering(place.path("vm0"), user)) {
                    stream.awaitReply();
                    guest.kill();
                }
            }
            try (Testpmd guest = answering(place.path("vm0"), VirtioUser.of(1, true))) {
                PingStream.Report report = stream.stop();
                assertThat(report.duplicates()).as("pings answered twice").isZero();
                assertThat(guest.alive()).isTrue();
            }
            assertThat(baton.alive()).isTrue();
            assertThat(baton.output()).doesNotContain("Exception");
        }
    }
}
