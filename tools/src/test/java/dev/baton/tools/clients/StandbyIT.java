package dev.baton.tools.clients;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The active Baton is killed in the middle of its work while another one stands by: the front end stays connected, and
 * what is lost or repeated is one burst of each queue at most. The standby is then an owner like any other.
 */
@Timeout(7200)
class StandbyIT {
    private static final Duration LIMIT = Duration.ofMinutes(2);
    private static final int KILLS = Math.min((Handovers.COUNT + 1) / 2, 10);
    private static final int BURST = 32;
    private static final long MANY = 10_000;

    @BeforeEach
    void require() {
        RequireClients.baton();
    }

    private static void kill(Handovers batons, Runnable goesOn) {
        for (int i = 0; i < KILLS; i++) {
            BatonProcess standby = batons.active().standBy();
            try {
                goesOn.run();
                batons.kill(standby);
            } finally {
                if (batons.active() != standby) {
                    standby.close();
                }
            }
            goesOn.run();
        }
    }

    @ParameterizedTest(name = "{0} queue pair(s)")
    @ValueSource(ints = {1, 2})
    void guestAndTap(int queuePairs) {
        BusyGuest.require();
        BusyGuest.with(queuePairs, busy -> {
            kill(busy.batons(), busy::awaitProgress);
            busy.stop();
            Counts killed = busy.counts();
            System.out.printf("%d queue pair(s), %d kills: %d frames lost from the guest, %d to it%n", queuePairs,
                    KILLS, killed.lostFromGuest(), killed.lostToGuest());
            long most = (long) KILLS * queuePairs * BURST;
            assertThat(killed.lostFromGuest()).as("lost from the guest").isBetween(-most, most);
            assertThat(killed.lostToGuest()).as("lost to the guest").isBetween(-most, most);

            try (PingStream stream = PingStream.start(busy.host(), QemuGuest.ADDRESS, 5)) {
                stream.awaitReply();
                busy.batons().takeOver();
                PingStream.Report report = stream.stop();
                assertThat(report.lost() + report.duplicates()).as("takeover from a former standby").isZero();
            }
            Counts after = busy.counts();
            assertThat(after.lostFromGuest()).isEqualTo(killed.lostFromGuest());
            assertThat(after.lostToGuest()).isEqualTo(killed.lostToGuest());
        });
    }

    /** A guest that answers at once, so that the silence seen is that of the datapath. */
    @Test
    void silenceSeenByAnEcho() {
        RequireClients.namespaces();
        RequireClients.testpmd();
        RequireClients.programs("ping");
        try (Workplace place = new Workplace(); Namespace host = new Namespace();
                Handovers batons = new Handovers(BatonProcess.start(place,
                        "--port", "vhost-user:vm0,path=" + place.path("vm0"),
                        "--port", "tap:tap0,netns=" + host.name(), "--wire", "vm0=tap0"))) {
            host.configure("tap0", GuestChecks.HOST + "/24");
            try (Testpmd guest = Testpmd.start("front", 0,
                    List.of(Testpmd.virtioUser(0, place.path("vm0"), 1, true)), "--forward-mode=icmpecho")) {
                batons.active().awaitRings("vm0", 1);
                guest.command("start");
                host.awaitPing(QemuGuest.ADDRESS, LIMIT);
                try (PingStream stream = PingStream.start(host, QemuGuest.ADDRESS, 1)) {
                    kill(batons, () -> {
                        Poll.pause(Duration.ofSeconds(1));
                        stream.awaitReply();
                    });
                    PingStream.Report report = stream.stop();
                    System.out.printf("echo by testpmd: %s; %s%n", batons.describe(),
                            report.describe(batons.windows()));
                    assertThat(report.lost()).isLessThanOrEqualTo(2 * KILLS * BURST);
                    assertThat(report.duplicates()).isLessThanOrEqualTo(2 * KILLS * BURST);
                }
            }
        }
    }

    /** Frames circle at full speed, so that a kill always comes in the middle of a burst. */
    @ParameterizedTest(name = "{0} queue pair(s)")
    @ValueSource(ints = {1, 2})
    void twoGuestsAtFullSpeed(int queuePairs) {
        RequireClients.testpmd();
        try (Workplace place = new Workplace();
                Handovers batons = new Handovers(BatonProcess.start(place, "--idle", "busy",
                        "--port", "vhost-user:vm0,path=" + place.path("vm0") + ",queues=" + queuePairs,
                        "--port", "vhost-user:vm1,path=" + place.path("vm1") + ",queues=" + queuePairs,
                        "--wire", "vm0=vm1"));
                Testpmd guests = Testpmd.start("guests", 0,
                        List.of(Testpmd.virtioUser(0, place.path("vm0"), queuePairs, true),
                                Testpmd.virtioUser(1, place.path("vm1"), queuePairs, true)),
                        "--no-flush-rx", "--forward-mode=io", "--port-topology=loop",
                        "--rxq=" + queuePairs, "--txq=" + queuePairs)) {
            batons.active().awaitRings("vm0", queuePairs);
            batons.active().awaitRings("vm1", queuePairs);
            // More than may be lost.
            int bursts = 2 * (KILLS + 1);
            guests.command("start tx_first " + bursts);
            kill(batons, () -> {
                long from = guests.stats(0).rxFrames();
                Poll.until(LIMIT, () -> "frames circle: " + guests.stats() + "\n" + batons.active().output(),
                        () -> guests.stats(0).rxFrames() - from >= MANY);
            });
            guests.stopForwarding();
            batons.active().settled();
            Testpmd.PortStats a = guests.stats(0);
            Testpmd.PortStats b = guests.stats(1);
            long put = 2L * queuePairs * bursts * BURST;
            long circling = a.txFrames() + b.txFrames() - a.rxFrames() - b.rxFrames();
            System.out.printf("circling, %d queue pair(s): %s; %d of %d frames are left; %s, %s%n", queuePairs,
                    batons.describe(), circling, put, a, b);
            long most = 2L * KILLS * queuePairs * BURST;
            assertThat(put - circling).as("frames lost, or repeated").isBetween(-most, most);
        }
    }
}
