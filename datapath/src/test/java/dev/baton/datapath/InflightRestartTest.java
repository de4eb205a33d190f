package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.PidFd;
import dev.baton.ffi.RawMemory;
import dev.baton.handover.HandoverException;
import dev.baton.vhostuser.ProtocolException;
import dev.baton.virtqueue.Features;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A datapath is gone without a word, and one that starts from nothing goes on with the same guests, which give it the
 * inflight regions that the dead one left with them, if they kept one. Frames go both ways all the while.
 */
@Timeout(300)
class InflightRestartTest {
    private static final int KILLS = 4;
    private static final long SPLIT = 0;

    private final Path a = TestSockets.path("a");
    private final Path b = TestSockets.path("b");
    private final Random random = new Random(42);

    /** Numbered frames from one guest to the other: which were lost and which came again. */
    private static final class Numbered {
        private final TestGuest from;
        private final TestGuest to;
        private final byte[] frame = new byte[60];
        private long sent;
        private long expected;
        private long lost;
        private long repeated;

        Numbered(TestGuest from, TestGuest to) {
            this.from = from;
            this.to = to;
            frame[12] = (byte) 0x88;
            frame[13] = (byte) 0xb5;
        }

        void send() {
            for (int i = 0; i < Long.BYTES; i++) {
                frame[14 + i] = (byte) (sent >>> (8 * i));
            }
            sent += from.send(0, frame) ? 1 : 0;
        }

        void receive() {
            to.receive(0, (address, length) -> {
                long number = RawMemory.getLong(address + 14);
                lost += Math.max(0, number - expected);
                repeated += number < expected ? 1 : 0;
                expected = Math.max(expected, number + 1);
            });
        }
    }

    /** Both directions. */
    private record Traffic(Numbered there, Numbered back) {
        static Traffic between(TestGuest one, TestGuest other) {
            return new Traffic(new Numbered(one, other), new Numbered(other, one));
        }

        void turn(boolean sending) {
            if (sending) {
                there.send();
                back.send();
            }
            there.receive();
            back.receive();
        }

        void play(int frames) {
            long until = there.sent + frames;
            while (there.sent < until) {
                turn(true);
            }
        }

        /** All that was sent has come; then every buffer of both guests is in its place. */
        void finish() {
            while (there.expected < there.sent || back.expected < back.sent) {
                turn(false);
            }
            assertThat(there.lost + back.lost).as("lost").isZero();
            for (TestGuest guest : new TestGuest[] {there.from, back.from}) {
                while (guest.transmitq(0).freeDescriptors() < TestGuest.SIZE) {
                    guest.transmitq(0).pollUsed();
                }
                assertThat(guest.receiveq(0).freeDescriptors()).as("every receive buffer is with the device").isZero();
            }
        }
    }

    private static TestGuest tracked(Path socket, long format) throws ProtocolException {
        return TestGuest.connect(socket, TestGuest.Shape.of(TestGuest.FEATURES | format).withInflight());
    }

    /** Receiveqs first: what is sent to a guest that has none yet is dropped. */
    private void reconnect(TestGuest one, TestGuest other) throws ProtocolException {
        one.reconnect(a);
        other.reconnect(b);
        one.restart(true);
        other.restart(true);
        one.restart(false);
        other.restart(false);
    }

    /** No frame is lost, and for each kill at most a burst of each direction comes again. */
    @ParameterizedTest
    @ValueSource(longs = {SPLIT, Features.IN_ORDER, Features.RING_PACKED, Features.RING_PACKED | Features.IN_ORDER})
    void aProcessIsKilledUnderTraffic(long format) throws Exception {
        killUnderTraffic(TestGuest.Shape.of(TestGuest.FEATURES | format).withInflight());
    }

    /** Nobody keeps a region: what there is to know is in the rings. */
    @ParameterizedTest
    @ValueSource(longs = {SPLIT, Features.RING_PACKED})
    void aProcessIsKilledAndNoRegionWasKept(long format) throws Exception {
        killUnderTraffic(TestGuest.Shape.of(TestGuest.FEATURES | format));
    }

    private void killUnderTraffic(TestGuest.Shape shape) throws Exception {
        ChildOwner child = ChildOwner.giver("", a, b);
        try {
            child.awaitReady();
            try (TestGuest one = TestGuest.connect(a, shape); TestGuest other = TestGuest.connect(b, shape)) {
                Traffic traffic = Traffic.between(one, other);
                for (int kill = 0; kill < KILLS; kill++) {
                    traffic.play(500 + random.nextInt(2_000));
                    ChildOwner dying = child;
                    Thread killer = Thread.ofPlatform().daemon().start(() -> dying.signal(PidFd.SIGKILL));
                    while (killer.isAlive()) {
                        traffic.turn(true);
                    }
                    assertThat(child.exitStatus()).isEqualTo(ChildOwner.KILLED);
                    child.close();
                    child = ChildOwner.giver("", a, b);
                    child.awaitReady();
                    reconnect(one, other);
                }
                traffic.play(500);
                traffic.finish();
                assertThat(traffic.there.repeated).isLessThanOrEqualTo(KILLS * Datapath.LONGEST_BURST);
                assertThat(traffic.back.repeated).isLessThanOrEqualTo(KILLS * Datapath.LONGEST_BURST);
            }
        } finally {
            child.close();
        }
    }

    /** The region goes along in a handover; an owner that ends in order repeats nothing either. */
    @ParameterizedTest
    @ValueSource(longs = {SPLIT, Features.RING_PACKED})
    void theRegionFollowsTheOwner(long format) throws ProtocolException {
        Datapath owner = wired();
        try (TestGuest one = tracked(a, format); TestGuest other = tracked(b, format)) {
            Traffic traffic = Traffic.between(one, other);
            traffic.play(1_000);
            OwnerPair pair = OwnerPair.start(owner, HandoverWorld.OPTIONS, HandoverWorld.OPTIONS);
            while (!pair.incoming().isDone()) {
                traffic.turn(true);
            }
            pair.await();
            owner = pair.incoming().join().datapath();
            traffic.play(1_000);
            owner.close();
            owner = wired();
            reconnect(one, other);
            traffic.play(1_000);
            traffic.finish();
            assertThat(traffic.there.repeated + traffic.back.repeated).isZero();
        } finally {
            owner.close();
        }
    }

    /** A standby that took over from the dead leaves the region for the next back end too. */
    @ParameterizedTest
    @ValueSource(longs = {SPLIT, Features.RING_PACKED})
    void theRegionFollowsAStandby(long format) throws ProtocolException, HandoverException {
        try (ChildOwner child = ChildOwner.giver("", a, b)) {
            child.awaitReady();
            try (TestGuest one = tracked(a, format); TestGuest other = tracked(b, format)) {
                Traffic traffic = Traffic.between(one, other);
                traffic.play(1_000);
                try (Standby standby = Standby.attach(child.attend(), HandoverWorld.OPTIONS)) {
                    child.signal(PidFd.SIGKILL);
                    Standby.Ending ending = standby.await(60_000);
                    try (Datapath seized = ((Standby.Ending.Seized) ending).takeover().datapath()) {
                        traffic.play(1_000);
                        assertThat(seized.ports()).hasSize(2);
                    }
                }
                try (Datapath next = wired()) {
                    reconnect(one, other);
                    traffic.play(1_000);
                    traffic.finish();
                    assertThat(next.ports()).hasSize(2);
                    assertThat(traffic.there.repeated + traffic.back.repeated)
                        .isLessThanOrEqualTo(2 * Datapath.LONGEST_BURST);
                }
            }
        }
    }

    private Datapath wired() {
        Datapath datapath = Datapath.launch(DatapathConfig.defaults());
        datapath.wire(datapath.add(VhostUserPortConfig.listen("a", a)),
            datapath.add(VhostUserPortConfig.listen("b", b)));
        return datapath;
    }
}
