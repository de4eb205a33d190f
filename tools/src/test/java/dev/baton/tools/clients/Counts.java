package dev.baton.tools.clients;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;

/**
 * Every frame between a guest and a TAP, counted by each of the three that see it, since each of them began.
 *
 * @param guest  the guest's interface
 * @param baton  Baton's ports {@code vm0} and {@code tap0}
 * @param kernel the interface {@code tap0}
 */
record Counts(Guest guest, BatonProcess.Stat baton, Namespace.Counters kernel) {
    private static final Duration LIMIT = Duration.ofMinutes(1);

    record Guest(long rxFrames, long txFrames) {
    }

    /** Counts while nothing moves. */
    static Counts of(BatonProcess baton, QemuGuest guest, Namespace host) {
        Counts[] counts = new Counts[1];
        Poll.until(LIMIT, () -> "the counters stand still", () -> {
            BatonProcess.Stat before = baton.settled();
            counts[0] = new Counts(new Guest(guest.rxFrames(), guest.txFrames()), baton.stat(), host.counters("tap0"));
            return baton.stat().frames() == before.frames();
        });
        return counts[0];
    }

    /** What the guest sent and the kernel did not get; below zero: what it got twice. */
    long lostFromGuest() {
        return guest.txFrames() - kernel.rxFrames();
    }

    /** What the kernel sent and the guest did not get; below zero: what it got twice. */
    long lostToGuest() {
        return kernel.txFrames() - guest.rxFrames();
    }

    /** Fails unless each frame was counted by all three, and none was dropped. */
    void agree() {
        assertThat(baton.rxFrames("vm0")).as("Baton took what the guest sent").isEqualTo(guest.txFrames());
        assertThat(baton.txFrames("tap0")).isEqualTo(baton.rxFrames("vm0"));
        assertThat(kernel.rxFrames()).as("the kernel got it").isEqualTo(baton.txFrames("tap0"));
        assertThat(kernel.rxBytes()).isEqualTo(baton.txBytes("tap0"));
        assertThat(baton.rxFrames("tap0")).as("Baton took what the kernel sent").isEqualTo(kernel.txFrames());
        assertThat(baton.rxBytes("tap0")).isEqualTo(kernel.txBytes());
        assertThat(baton.txFrames("vm0")).isEqualTo(baton.rxFrames("tap0"));
        assertThat(guest.rxFrames()).as("the guest got it").isEqualTo(baton.txFrames("vm0"));
        assertThat(baton.drops("vm0") + baton.drops("tap0")).isZero();
    }
}
