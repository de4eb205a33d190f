package dev.baton.tools.clients;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.datapath.Datapath;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The active Baton is killed in the middle of its work while another one stands by: the front end stays connected, and
 * what is lost or repeated is one burst of each queue at most; between two guests nothing is lost. The standby is then
 * an owner like any other.
 */
@Timeout(7200)
class StandbyIT {
    private static final Duration LIMIT = Duration.ofMinutes(2);
    private static final int KILLS = Math.min((Handovers.COUNT + 1) / 2, 10);
    /** Frames of the longest burst to a virtqueue from a virtqueue, or to a TAP when some of them are joined. */
    private static final int BURST = Datapath.LONGEST_BURST;
    /** Frames of the longest burst from a TAP, or to it one by one: each is a call of the kernel. */
    private static final int BURST_OF_CALLS = 32;
    /** What testpmd has at a time. */
    private static final int TESTPMD_BURST = 32;
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

    @ParameterizedTest(name = "{0} queue pair(s) {1}")
    @CsvSource({"1,''", "2,''", "2,packed=on"})
    void guestAndTap(int queuePairs, String device) {
        BusyGuest.require();
        BusyGuest.with(queuePairs, device, busy -> {
            kill(busy.batons(), busy::awaitProgress);
            busy.stop();
            Counts killed = busy.counts();
            System.out.printf("%d queue pair(s), %d kills: %d frames lost from the guest, %d to it%n", queuePairs,
                    KILLS, killed.lostFromGuest(), killed.lostToGuest());
            long mostFrom = (long) KILLS * queuePairs * BURST;
            long mostTo = (long) KILLS * queuePairs * BURST_OF_CALLS;
            assertThat(killed.lostFromGuest()).as("lost from the guest").isBetween(-mostFrom, mostFrom);
            assertThat(killed.lostToGuest()).as("lost to the guest").isBetween(-mostTo, mostTo);

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
                    assertThat(report.lost()).isLessThanOrEqualTo(2 * KILLS * BURST_OF_CALLS);
                    assertThat(report.duplicates()).isLessThanOrEqualTo(2 * KILLS * BURST_OF_CALLS);
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
            // More in each virtqueue than a burst takes, so that any length comes about.
            guests.command("start tx_first " + 2 * BURST / TESTPMD_BURST);
            kill(batons, () -> {
                long from = guests.stats(0).rxFrames();
                Poll.until(LIMIT, () -> "frames circle: " + guests.stats() + "\n" + batons.active().output(),
                        () -> guests.stats(0).rxFrames() - from >= MANY);
            });
            guests.stopForwarding();
            drain(guests, batons.active());
            Testpmd.PortStats a = guests.stats(0);
            Testpmd.PortStats b = guests.stats(1);
            System.out.printf("circling, %d queue pair(s): %s; %s, %s%n", queuePairs, batons.describe(), a, b);
            // What was not shown as used yet is taken again, and may have arrived: nothing is lost.
            long repeated = (long) KILLS * queuePairs * BURST;
            assertThat(b.rxFrames() - a.txFrames()).as("repeated one way").isBetween(0L, repeated);
            assertThat(a.rxFrames() - b.txFrames()).as("repeated the other way").isBetween(0L, repeated);
        }
    }

    /** Receives the frames that are still on their way, and sends none. */
    private static void drain(Testpmd guests, BatonProcess baton) {
        guests.command("set fwd rxonly");
        guests.command("start");
        long[] last = {-1};
        Poll.until(LIMIT, () -> "frames stop to arrive: " + guests.stats(), () -> {
            baton.settled();
            long now = guests.stats(0).rxFrames() + guests.stats(1).rxFrames();
            boolean still = now == last[0];
            last[0] = now;
            return still;
        });
        guests.stopForwarding();
    }
}
