package dev.baton.tools.clients;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Takeovers in a row under stock Linux guests that ping and transfer all the time. Nobody loses or repeats a frame, no
 * guest sees its link go down, TCP connections live through all of it, and the counters of guest, Baton and kernel
 * agree over the lives of all owners.
 */
@Timeout(7200)
class TakeoverIT {
    private static final String OTHER = "10.77.0.3";

    @BeforeEach
    void require() {
        BusyGuest.require();
    }

    @ParameterizedTest(name = "{0} queue pair(s) {1}")
    @CsvSource({"1,''", "2,''", "2,packed=on"})
    void betweenGuestAndTap(int queuePairs, String device) {
        BusyGuest.with(queuePairs, device, busy -> {
            for (int i = 0; i < Handovers.COUNT; i++) {
                busy.batons().takeOver();
                busy.awaitProgress();
            }
            BusyGuest.Pings pings = busy.stop();
            pings.allAnsweredOnce();
            if (queuePairs == 1) {
                assertThat(pings.fromHost().reordered() + pings.fromGuest().reordered()).as("reordered").isZero();
            }
            busy.counts().agree();
        });
    }

    @Test
    void betweenTwoGuests() {
        QemuBinary qemu = QemuBinary.newest();
        try (Workplace place = new Workplace();
                Handovers batons = new Handovers(BatonProcess.start(place,
                        "--port", "vhost-user:vm0,path=" + place.path("vm0"),
                        "--port", "vhost-user:vm1,path=" + place.path("vm1"), "--wire", "vm0=vm1"));
                QemuGuest one = QemuGuest.start(new QemuGuest.Config(qemu, place.path("vm0"),
                        QemuGuest.Socket.CLIENT, 1, ""));
                QemuGuest other = QemuGuest.start(new QemuGuest.Config(qemu, place.path("vm1"),
                        QemuGuest.Socket.CLIENT, 1, "", OTHER))) {
            one.awaitReady();
            other.awaitReady();
            GuestChecks.serve(other);
            one.check("ping -q -c 1 -w 60 " + OTHER);
            final long carrierChanges = one.carrierChanges() + other.carrierChanges();
            final GuestLoad load = GuestLoad.start(one, OTHER, 1, "20M");
            for (int i = 0; i < Handovers.COUNT; i++) {
                batons.takeOver();
                load.awaitProgress();
            }
            GuestLoad.Pings pings = load.stop();
            System.out.printf("between two guests: %s; %s%n", batons.describe(), pings);
            assertThat(pings.lost()).as("pings lost").isZero();
            assertThat(pings.duplicates()).as("pings doubled").isZero();
            assertThat(pings.reordered()).as("pings reordered").isZero();
            assertThat(one.carrierChanges() + other.carrierChanges()).as("carrier changes").isEqualTo(carrierChanges);

            BatonProcess.Stat stat = batons.active().settled();
            assertThat(stat.rxFrames("vm0")).isEqualTo(one.txFrames());
            assertThat(stat.txFrames("vm1")).isEqualTo(one.txFrames());
            assertThat(other.rxFrames()).isEqualTo(one.txFrames());
            assertThat(stat.rxFrames("vm1")).isEqualTo(other.txFrames());
            assertThat(stat.txFrames("vm0")).isEqualTo(other.txFrames());
            assertThat(one.rxFrames()).isEqualTo(other.txFrames());
            assertThat(stat.drops("vm0") + stat.drops("vm1")).isZero();
            one.powerOff();
            other.powerOff();
            batons.active().terminate();
        }
    }
}
