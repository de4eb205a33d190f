package dev.baton.tools.clients;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A stock Linux guest and the kernel behind a TAP: ping, TCP both ways, offloads seen to be used, and what the guest
 * does not leave to be segmented seen to be joined.
 */
@Timeout(900)
class QemuTrafficIT {
    private static final int MEGABYTES = 48;
    private static final int FILE_MEGABYTES = 16;
    private static final int DATAGRAMS = 3200;
    private static final int DATAGRAM_BYTES = 1000;
    private static final long MAX_FRAME = 1514;
    /** Ethernet, IPv4, TCP with its timestamps. */
    private static final int TCP_HEADERS = 14 + 20 + 32;
    /** CSUM, GUEST_CSUM, GUEST_TSO4, HOST_TSO4, MRG_RXBUF, INDIRECT_DESC, EVENT_IDX, VERSION_1. */
    private static final List<Integer> FEATURES = List.of(0, 1, 7, 11, 15, 28, 29, 32);
    private static final int MQ = 22;

    @BeforeEach
    void require() {
        RequireClients.baton();
        RequireClients.namespaces();
        RequireClients.guest();
        QemuBinary.oldest();
    }

    static Stream<Arguments> guests() {
        return QemuBinary.all().stream().flatMap(qemu -> Stream.of(Arguments.of(qemu, 1), Arguments.of(qemu, 2)));
    }

    private static BatonProcess baton(Workplace place, Namespace host, int queuePairs, String more) {
        BatonProcess baton = BatonProcess.start(place,
                "--port", "vhost-user:vm0,path=" + place.path("vm0") + ",queues=" + queuePairs + more,
                "--port", "tap:tap0,queues=" + queuePairs + ",netns=" + host.name(),
                "--wire", "vm0=tap0");
        host.configure("tap0", GuestChecks.HOST + "/24");
        return baton;
    }

    private static QemuGuest guest(Workplace place, QemuBinary qemu, int queuePairs, String device) {
        return QemuGuest.start(
                new QemuGuest.Config(qemu, place.path("vm0"), QemuGuest.Socket.CLIENT, queuePairs, device));
    }

    @ParameterizedTest(name = "{0}, {1} queue pair(s)")
    @MethodSource("guests")
    void pingAndTcpWithOffloads(QemuBinary qemu, int queuePairs) {
        try (Workplace place = new Workplace(); Namespace host = new Namespace();
                BatonProcess baton = baton(place, host, queuePairs, "");
                QemuGuest guest = guest(place, qemu, queuePairs, "")) {
            guest.awaitReady();
            for (int feature : FEATURES) {
                assertThat(guest.acked(feature)).as("feature %d", feature).isTrue();
            }
            assertThat(guest.acked(MQ)).isEqualTo(queuePairs > 1);
            assertThat(guest.check("ethtool -k eth0"))
                    .contains("tx-checksumming: on", "rx-checksumming: on", "tcp-segmentation-offload: on");

            GuestChecks.ping(guest, host);
            GuestChecks.serve(guest);
            for (boolean fromGuest : new boolean[] {false, true}) {
                transfer(baton, host, queuePairs, fromGuest);
            }
            for (int queue = 0; queue < queuePairs; queue++) {
                queueCarriesFrames(guest, queue);
            }
            if (queuePairs > 1) {
                guest.check("ethtool -K eth0 tso off");
                segmentsAreJoined(baton, guest, host);
                datagramsAreJoined(baton, guest, host);
            }
            guest.powerOff();
            assertThat(baton.alive()).isTrue();
            baton.terminate();
        }
    }

    private static void transfer(BatonProcess baton, Namespace host, int queuePairs, boolean fromGuest) {
        final BatonProcess.Stat before = baton.stat();
        final Namespace.Counters kernelBefore = host.counters("tap0");
        GuestChecks.tcp(host, MEGABYTES, queuePairs > 1 ? 16 : 2, fromGuest);
        BatonProcess.Stat after = baton.settled();
        Namespace.Counters kernel = host.counters("tap0").minus(kernelBefore);
        String from = fromGuest ? "vm0" : "tap0";
        long frames = after.rxFrames(from) - before.rxFrames(from);
        long bytes = after.rxBytes(from) - before.rxBytes(from);
        System.out.printf("TCP %s the guest: %d bytes in %d frames; drops vm0 %d tap0 %d%n", fromGuest ? "from" : "to",
                bytes, frames, after.drops("vm0"), after.drops("tap0"));
        assertThat(bytes / frames).as("bytes a frame at %s: segments are carried whole", from).isGreaterThan(MAX_FRAME);
        long kernelFrames = fromGuest ? kernel.rxFrames() : kernel.txFrames();
        long kernelBytes = fromGuest ? kernel.rxBytes() : kernel.txBytes();
        assertThat(kernelBytes / kernelFrames).as("bytes a frame at the interface").isGreaterThan(MAX_FRAME);
    }

    private static void queueCarriesFrames(QemuGuest guest, int queue) {
        for (String direction : List.of("rx", "tx")) {
            String counter = direction + "_queue_" + queue + "_packets";
            assertThat(guest.number("ethtool -S eth0 | awk '$1 == \"" + counter + ":\" { print $2 }'"))
                    .as(counter).isPositive();
        }
    }

    /** A guest whose kernel cuts what its programs send: the host's gets it joined, and whole. */
    private static void segmentsAreJoined(BatonProcess baton, QemuGuest guest, Namespace host) {
        guest.check("dd if=/dev/urandom of=/tmp/data bs=1M count=" + FILE_MEGABYTES
                + " 2>/dev/null && httpd -p " + HttpFile.PORT + " -h /tmp");
        final String file = guest.check("md5sum </tmp/data");
        final Counts before = Counts.of(baton, guest, host);
        assertThat(host.check("sh", "-c", "busybox wget -q -O - http://" + QemuGuest.ADDRESS + ":" + HttpFile.PORT
                + "/data | md5sum").strip()).isEqualTo(file);
        GuestChecks.tcp(host, FILE_MEGABYTES, 1, true);
        Counts after = Counts.of(baton, guest, host);
        Namespace.Counters kernel = after.kernel().minus(before.kernel());
        long frames = after.baton().rxFrames("vm0") - before.baton().rxFrames("vm0");
        long bytes = after.baton().rxBytes("vm0") - before.baton().rxBytes("vm0");
        System.out.printf("TCP from the guest, which does not segment: %d bytes in %d frames, in %d for the kernel%n",
                bytes, frames, kernel.rxFrames());
        assertThat(bytes / frames).as("bytes a frame of the guest").isLessThanOrEqualTo(MAX_FRAME);
        assertThat(kernel.rxBytes() / kernel.rxFrames()).as("bytes a frame at the interface").isGreaterThan(MAX_FRAME);
        assertThat(bytes - kernel.rxBytes()).as("bytes that are not there any more: headers")
                .isEqualTo(TCP_HEADERS * (frames - kernel.rxFrames()));
        assertThat(joined(after) - joined(before)).isGreaterThan(frames - kernel.rxFrames());
        assertThat(after.baton().drops("vm0") + after.baton().drops("tap0")).isZero();
    }

    /** The host's kernel may be too old to take any, and gets them one by one. */
    private static void datagramsAreJoined(BatonProcess baton, QemuGuest guest, Namespace host) {
        final Counts before = Counts.of(baton, guest, host);
        final long overflows = overflows(host);
        Iperf.Datagrams datagrams = Iperf.datagrams(host, QemuGuest.ADDRESS, DATAGRAMS, DATAGRAM_BYTES, true);
        Counts after = Counts.of(baton, guest, host);
        long joined = joined(after) - joined(before);
        System.out.printf("UDP from the guest: %s; %d frames joined%n", datagrams, joined);
        assertThat(datagrams.sent()).isGreaterThanOrEqualTo(DATAGRAMS);
        assertThat(datagrams.lost()).as("lost elsewhere than at the program's socket")
                .isLessThanOrEqualTo(overflows(host) - overflows);
        assertThat(datagrams.reordered()).isZero();
        assertThat(joined > 0).as("%d joined", joined).isEqualTo(kernelTakesSegmentedDatagrams());
        assertThat(after.baton().drops("vm0") + after.baton().drops("tap0")).isZero();
    }

    private static long joined(Counts counts) {
        return counts.baton().number("tap0", "coalesced");
    }

    private static long overflows(Namespace host) {
        return Long.parseLong(host.check("awk", "$1 == \"Udp:\" { for (i = 2; i <= NF; i++) "
                + "if (n[i] == \"RcvbufErrors\") print $i; else n[i] = $i }", "/proc/net/snmp").strip());
    }

    /** Since Linux 6.2. */
    private static boolean kernelTakesSegmentedDatagrams() {
        String[] version = System.getProperty("os.version").split("\\D", -1);
        int major = Integer.parseInt(version[0]);
        return major > 6 || (major == 6 && Integer.parseInt(version[1]) >= 2);
    }

    @Test
    void guestWithoutOffloads() {
        try (Workplace place = new Workplace(); Namespace host = new Namespace();
                BatonProcess baton = baton(place, host, 1, ",offloads=off");
                QemuGuest guest = guest(place, QemuBinary.newest(), 1,
                        "mrg_rxbuf=off,indirect_desc=off,event_idx=off")) {
            guest.awaitReady();
            for (int feature : List.of(0, 1, 7, 11, 15, 28, 29)) {
                assertThat(guest.acked(feature)).as("feature %d", feature).isFalse();
            }
            GuestChecks.ping(guest, host);
            GuestChecks.serve(guest);
            GuestChecks.tcp(host, FILE_MEGABYTES, 1, false);
            GuestChecks.tcp(host, FILE_MEGABYTES, 1, true);
            // It sums up itself, too, and what is right is joined.
            assertThat(baton.stat().number("tap0", "coalesced")).isPositive();
            assertThat(baton.alive()).isTrue();
        }
    }

    /** The kernel sends one by one what it would leave to the guest to be segmented: the guest gets it joined. */
    @Test
    void whatTheKernelDoesNotSegmentIsJoinedForTheGuest() {
        try (Workplace place = new Workplace(); Namespace host = new Namespace();
                BatonProcess baton = baton(place, host, 1, ",coalesce=on");
                QemuGuest guest = guest(place, QemuBinary.newest(), 1, "")) {
            guest.awaitReady();
            host.check("ethtool", "-K", "tap0", "tso", "off", "gso", "off");
            final BatonProcess.Stat before = baton.settled();
            final long packets = received(guest, "packets");
            final long bytes = received(guest, "bytes");
            try (HttpFile file = HttpFile.serve(host, place.path("www"), FILE_MEGABYTES)) {
                assertThat(guest.check("wget -q -O - http://" + GuestChecks.HOST + ":" + HttpFile.PORT
                        + "/data | md5sum")).startsWith(file.md5());
            }
            BatonProcess.Stat after = baton.settled();
            long frames = after.rxFrames("tap0") - before.rxFrames("tap0");
            long joined = after.number("vm0", "coalesced") - before.number("vm0", "coalesced");
            final long got = received(guest, "packets") - packets;
            System.out.printf("TCP to the guest, one by one: %d frames, %d joined; %d for the guest%n", frames, joined,
                    got);
            assertThat((after.rxBytes("tap0") - before.rxBytes("tap0")) / frames).as("bytes a frame from the kernel")
                    .isLessThanOrEqualTo(MAX_FRAME);
            assertThat((received(guest, "bytes") - bytes) / got).as("bytes a frame for the guest")
                    .isGreaterThan(MAX_FRAME);
            assertThat(joined).isGreaterThan(frames / 2);
            assertThat(after.drops("vm0") + after.drops("tap0")).isZero();
            assertThat(guest.number("awk '/^Tcp:/ && $2 ~ /[0-9]/ { print $14 }' /proc/net/snmp"))
                    .as("segments that the guest found wrong").isZero();
        }
    }

    private static long received(QemuGuest guest, String what) {
        return guest.number("cat /sys/class/net/eth0/statistics/rx_" + what);
    }

    /** A driver from before virtio 1.0: were it offered the bit GSO, it would take that for all of TSO. */
    @ParameterizedTest(name = "mergeable {0}")
    @ValueSource(booleans = {true, false})
    void legacyGuest(boolean mergeable) {
        try (Workplace place = new Workplace(); Namespace host = new Namespace();
                BatonProcess baton = baton(place, host, 1, "");
                QemuGuest guest = guest(place, QemuBinary.oldest(), 1,
                        "disable-modern=on" + (mergeable ? "" : ",mrg_rxbuf=off"))) {
            guest.awaitReady();
            assertThat(guest.acked(6)).as("feature GSO").isFalse();
            assertThat(guest.acked(32)).as("feature VERSION_1").isFalse();
            // Without, virtio-net headers have 10 bytes.
            assertThat(guest.acked(15)).as("feature MRG_RXBUF").isEqualTo(mergeable);
            GuestChecks.ping(guest, host);
            GuestChecks.serve(guest);
            GuestChecks.tcp(host, MEGABYTES, 1, true);
            GuestChecks.tcp(host, MEGABYTES, 1, false);
            assertThat(baton.settled().drops("vm0")).isZero();
            assertThat(baton.stat().drops("tap0")).isZero();
        }
    }
}
