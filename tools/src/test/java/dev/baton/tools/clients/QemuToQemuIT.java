package dev.baton.tools.clients;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.tools.clients.TwoQemuGuests.End;
import dev.baton.tools.clients.TwoQemuGuests.Wire;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Two stock Linux guests, on several wires at once. Alike they leave checksums and segmentation to each other; one that
 * takes no offload gets whole frames from one that leaves everything to it; what one sends that does not segment is
 * joined where the ports are told to ({@code coalesce=on}), and arrives as it was.
 */
@Timeout(900)
class QemuToQemuIT {
    private static final int MEGABYTES = 48;
    private static final int FILE_MEGABYTES = 16;
    private static final int DATAGRAMS = 3200;
    private static final int DATAGRAM_BYTES = 1000;
    private static final long MAX_FRAME = 1514;
    /** Ethernet, IPv4 and UDP. */
    private static final int UDP_HEADERS = 14 + 20 + 8;
    /** Ethernet, IPv4, TCP with its timestamps. */
    private static final int TCP_HEADERS = 14 + 20 + 32;
    private static final int TCP6_HEADERS = 14 + 40 + 32;
    /** One in so many segments a guest may repeat for nothing, when it had to wait for its processor. */
    private static final int REPEATED = 1000;

    private static final String TAKES_NONE =
            "guest_csum=off,guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off";
    /** The guest's kernel cuts what its programs send, and leaves the checksums to the device. */
    private static final String CUTS = "host_tso4=off,host_tso6=off,host_ecn=off,host_ufo=off,host_uso=off";

    private static final Wire ALIKE = new Wire("alike", "", "", "");
    private static final Wire ONE_TAKES_NONE = new Wire("none", "", "", TAKES_NONE);
    private static final Wire NOT_JOINED = new Wire("plain", "", CUTS, CUTS);
    private static final Wire JOINED = new Wire("joined", ",coalesce=on", CUTS, CUTS + ",packed=on");
    /** Into chains with room for the largest frame. */
    private static final Wire JOINED_NOT_MERGEABLE = new Wire("chains", ",coalesce=on", CUTS + ",mrg_rxbuf=off",
            CUTS + ",mrg_rxbuf=off,packed=on");

    private static TwoQemuGuests guests;

    @BeforeAll
    @Timeout(900)
    static void start() {
        RequireClients.baton();
        RequireClients.guest();
        QemuBinary.newest();
        guests = TwoQemuGuests.start(List.of(ALIKE, ONE_TAKES_NONE, NOT_JOINED, JOINED, JOINED_NOT_MERGEABLE));
        for (End end : List.of(guests.one(ALIKE), guests.other(ALIKE))) {
            end.guest().check("mkdir /tmp/www && dd if=/dev/urandom of=/tmp/www/data bs=1M count=" + FILE_MEGABYTES
                    + " 2>/dev/null && httpd -p " + HttpFile.PORT + " -h /tmp/www");
        }
        GuestChecks.serve(guests.other(ALIKE).guest());
    }

    @AfterAll
    @Timeout(300)
    static void end() {
        if (guests != null) {
            try (TwoQemuGuests ending = guests) {
                ending.end();
            }
        }
    }

    @Test
    void guestsLeaveOffloadsToEachOtherAsFarAsTheOtherTakesThem() {
        assertThat(guests.other(ALIKE).acked(7)).as("GUEST_TSO4 of the equal").isTrue();
        for (boolean back : new boolean[] {false, true}) {
            Passage passage = transfer(ALIKE, back).whole();
            assertThat(passage.bytesOfAFrameSent()).isGreaterThan(MAX_FRAME);
            assertThat(passage.bytesOfAFrameReceived()).isGreaterThan(MAX_FRAME);
            assertThat(passage.inSoftware()).isZero();
        }
        for (int feature : List.of(1, 7, 8, 9)) {
            assertThat(guests.other(ONE_TAKES_NONE).acked(feature)).as("feature %d of the other", feature).isFalse();
        }
        Passage cut = transfer(ONE_TAKES_NONE, false).whole();
        assertThat(cut.bytesOfAFrameSent()).isGreaterThan(MAX_FRAME);
        assertThat(cut.bytesOfAFrameReceived()).isLessThanOrEqualTo(MAX_FRAME);
        assertThat(cut.inSoftware()).isPositive();
        // The one that takes none still leaves everything to its peer.
        Passage left = transfer(ONE_TAKES_NONE, true).whole();
        assertThat(left.bytesOfAFrameSent()).isGreaterThan(MAX_FRAME);
        assertThat(left.bytesOfAFrameReceived()).isGreaterThan(MAX_FRAME);
        assertThat(left.inSoftware()).isZero();
    }

    @Test
    void segmentsAreJoinedAndSentNoMoreOftenThanWithout() {
        for (boolean back : new boolean[] {false, true}) {
            Passage without = transfer(NOT_JOINED, back).whole();
            assertThat(without.bytesOfAFrameSent()).isLessThanOrEqualTo(MAX_FRAME);
            assertThat(without.joined()).isZero();
            assertThat(without.receivedFrames()).isEqualTo(without.sentFrames());

            Passage with = transfer(JOINED, back).whole().lacksHeadersOnly(TCP_HEADERS);
            joinedWhatWasCut(with);
            assertThat(with.retransmitted())
                    .isLessThanOrEqualTo(without.retransmitted() + with.sentFrames() / REPEATED);
        }
    }

    @Test
    void filesArriveAsTheyAreInJoinedFrames() {
        for (Wire wire : List.of(JOINED, JOINED_NOT_MERGEABLE)) {
            // VIRTIO_NET_F_MRG_RXBUF, VIRTIO_F_RING_PACKED.
            assertThat(guests.one(wire).acked(15)).isEqualTo(wire.equals(JOINED));
            assertThat(guests.other(wire).acked(34)).isTrue();
            for (boolean back : new boolean[] {false, true}) {
                End from = back ? guests.other(wire) : guests.one(wire);
                End to = back ? guests.one(wire) : guests.other(wire);
                String sent = from.guest().check("md5sum </tmp/www/data");
                joinedWhatWasCut(Passage.measure(guests.baton(), from, to, () -> {
                    assertThat(to.guest().check("wget -q -O - http://[" + from.address6() + "]:" + HttpFile.PORT
                            + "/data | md5sum")).isEqualTo(sent);
                }).whole().lacksHeadersOnly(TCP6_HEADERS));
            }
        }
    }

    /** By QEMU 10.0 a guest of vhost-user is not offered USO, and a kernel before 6.2 does not take it. */
    @Test
    void datagramsAreJoinedOnlyForAGuestThatTakesSegmentedOnes() {
        QemuGuest client = guests.one(JOINED).guest();
        for (boolean back : new boolean[] {false, true}) {
            End from = back ? guests.other(JOINED) : guests.one(JOINED);
            End to = back ? guests.one(JOINED) : guests.other(JOINED);
            // The receiving program's socket may have been full.
            final long overflows = to.snmp("Udp", "RcvbufErrors");
            Passage passage = Passage.measure(guests.baton(), from, to, () -> {
                Iperf.Datagrams datagrams = Iperf.datagrams(client, guests.other(JOINED).address(), DATAGRAMS,
                        DATAGRAM_BYTES, back);
                assertThat(datagrams.sent()).isGreaterThanOrEqualTo(DATAGRAMS);
                assertThat(datagrams.lost()).isLessThanOrEqualTo(to.snmp("Udp", "RcvbufErrors") - overflows);
                assertThat(datagrams.reordered()).isZero();
            }).whole().lacksHeadersOnly(UDP_HEADERS);
            assertThat(passage.sentFrames()).isGreaterThanOrEqualTo(DATAGRAMS);
            boolean takesSegmented = to.acked(54) && to.acked(55);
            assertThat(passage.joined() > 0).as("joined: %s", passage).isEqualTo(takesSegmented);
        }
    }

    /** One TCP transfer from the one guest to the other, or back. */
    private static Passage transfer(Wire wire, boolean back) {
        End one = guests.one(wire);
        End other = guests.other(wire);
        return Passage.measure(guests.baton(), back ? other : one, back ? one : other, () ->
            assertThat(Iperf.transfer(one.guest(), other.address(), MEGABYTES, 1, back))
                    .isGreaterThan(MEGABYTES * 500_000L));
    }

    private static void joinedWhatWasCut(Passage passage) {
        assertThat(passage.bytesOfAFrameSent()).isLessThanOrEqualTo(MAX_FRAME);
        assertThat(passage.bytesOfAFrameReceived()).as("bytes a frame: %s", passage).isGreaterThan(MAX_FRAME);
        assertThat(passage.joined()).isGreaterThan(passage.sentFrames() - passage.receivedFrames());
        assertThat(passage.inSoftware()).isZero();
    }
}
