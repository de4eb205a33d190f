package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.RawMemory;
import dev.baton.tap.TapConfig;
import dev.baton.vhostuser.ProtocolException;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.VirtioNetHeader;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A guest whose virtio-net header has 10 bytes, for it has acked neither VERSION_1 nor MRG_RXBUF, and whom it can talk
 * to: everybody, each in his own format.
 */
@Timeout(120)
class LegacyGuestTest {
    private static final HandoverOptions OPTIONS =
        HandoverOptions.defaults().withBackendTransfer(true).withRehearsals(0);

    /** A guest, by its header. */
    enum Kind {
        /** As guests are today. */
        MODERN(TestGuest.FEATURES, 12),
        /** With packed virtqueues. */
        PACKED(TestGuest.PACKED, 12),
        /** One that has no mergeable buffers. */
        MODERN_LITTLE(Features.VERSION_1 | Features.EVENT_IDX, 12),
        /** Header and frame in one descriptor. */
        LEGACY(TestGuest.LEGACY_FEATURES | Features.ANY_LAYOUT, 10),
        /** The header in a descriptor of its own. */
        LEGACY_STRICT(TestGuest.LEGACY_FEATURES, 10);

        private final long features;
        private final int headerBytes;

        Kind(long features, int headerBytes) {
            this.features = features;
            this.headerBytes = headerBytes;
        }

        TestGuest connect(Path socket) throws ProtocolException {
            TestGuest guest = TestGuest.connect(socket, TestGuest.Shape.of(features));
            assertThat(guest.features).isEqualTo(features);
            assertThat(guest.headerBytes).isEqualTo(headerBytes);
            return guest;
        }
    }

    @ParameterizedTest
    @CsvSource({"DIRECT,LEGACY,MODERN", "DIRECT,LEGACY,MODERN_LITTLE", "DIRECT,LEGACY,PACKED",
        "DIRECT,LEGACY,LEGACY",
        "DIRECT,LEGACY_STRICT,MODERN", "DIRECT,LEGACY_STRICT,LEGACY", "DIRECT,LEGACY_STRICT,LEGACY_STRICT",
        "BRIDGED,LEGACY,MODERN", "BRIDGED,LEGACY_STRICT,LEGACY"})
    void framesArriveByteForByteBothWays(GuestRoute.Way way, Kind first, Kind second) throws ProtocolException {
        Random random = new Random(5);
        try (GuestRoute route = new GuestRoute(way, 2100, 1);
             TestGuest one = first.connect(route.one.socketPath());
             TestGuest two = second.connect(route.two.socketPath())) {
            route.transfer(one, two, 0, 3000, i -> 22 + random.nextInt(1900));
            route.transfer(two, one, 0, 3000, i -> 22 + random.nextInt(1900));
            // As long as the buffers of 2 KiB hold.
            route.transfer(one, two, 0, 10, i -> 2036);
            route.transfer(two, one, 0, 10, i -> 2036);
            assertThat(route.drops()).isZero();
            PortStats stats = route.stats("one");
            assertThat(stats.rx().bytes()).as("bytes without headers").isPositive()
                .isEqualTo(route.stats(way == GuestRoute.Way.DIRECT ? "two" : "t0").tx().bytes());
            assertThat(stats.tx().bytes()).isPositive()
                .isEqualTo(route.stats(way == GuestRoute.Way.DIRECT ? "two" : "t0").rx().bytes());
        }
    }

    /** All fields of the header reach the other guest, and num_buffers is there where there is room for it. */
    @ParameterizedTest
    @CsvSource({"LEGACY,MODERN", "MODERN,LEGACY", "LEGACY_STRICT,LEGACY"})
    void theHeaderIsTranslated(Kind first, Kind second) throws ProtocolException {
        byte[] header = new byte[12];
        for (int i = 0; i < header.length; i++) {
            header[i] = (byte) (0x10 + i);
        }
        header[VirtioNetHeader.FLAGS_OFFSET] = 0;
        header[VirtioNetHeader.GSO_TYPE_OFFSET] = VirtioNetHeader.GSO_NONE;
        try (GuestRoute route = new GuestRoute(GuestRoute.Way.DIRECT, 1500, 1);
             TestGuest two = second.connect(route.two.socketPath());
             TestGuest one = first.connect(route.one.socketPath())) {
            assertThat(one.send(0, header, new byte[100])).isTrue();
            byte[] received = new byte[12];
            await(() -> two.receive(0, (address, length) -> {
                assertThat(length).isEqualTo(100);
                RawMemory.copyToArray(address - two.headerBytes, received, 0, two.headerBytes);
            }) == 1);
            assertThat(Arrays.copyOf(received, 10)).isEqualTo(Arrays.copyOf(header, 10));
            assertThat(received[10] | received[11] << 8).isEqualTo(two.headerBytes == 12 ? 1 : 0);
        }
    }

    @ParameterizedTest
    @CsvSource({"LEGACY", "LEGACY_STRICT"})
    void aFrameThatIsTooLongOrTooShortIsDroppedAloneAndCounted(Kind kind) throws ProtocolException {
        try (GuestRoute route = new GuestRoute(GuestRoute.Way.BRIDGED, 4000, 1);
             TestGuest one = TestGuest.connect(route.one.socketPath(),
                 TestGuest.Shape.of(kind.features).withBuffers(256, 2048, 4096));
             TestGuest two = kind.connect(route.two.socketPath())) {
            route.transfer(one, two, 0, 10, i -> 100);
            assertThat(new SequencedFrames().send(one, 0, 2039)).as("a byte more than 2048 hold").isTrue();
            await(() -> route.stats("two").tx().dropsByReason().getOrDefault("too-long", 0L) == 1);
            assertThat(one.send(0, new byte[13])).isTrue();
            await(() -> route.stats("t0").tx().dropsByReason().getOrDefault("refused-by-kernel", 0L) == 1);
            route.transfer(one, two, 0, 100, i -> 2038);
        }
        try (GuestRoute route = new GuestRoute(GuestRoute.Way.DIRECT, 1500, 1);
             TestGuest one = TestGuest.connect(route.one.socketPath(),
                 TestGuest.Shape.of(kind.features).withBuffers(256, 2048, 4096));
             TestGuest two = kind.connect(route.two.socketPath())) {
            assertThat(one.send(0, new byte[2039])).isTrue();
            await(() -> route.stats("two").tx().dropsByReason().getOrDefault("too-long", 0L) == 1);
            assertThat(one.send(0, new byte[13])).isTrue();
            await(() -> route.stats("one").rx().dropsByReason().getOrDefault("runt", 0L) == 1);
            route.transfer(one, two, 0, 100, i -> 2038);
        }
    }

    /** The kernel's own IP stack: it sees headers of 12 bytes, the guest those of 10, both with the same checksum. */
    @ParameterizedTest
    @CsvSource({"LEGACY", "LEGACY_STRICT"})
    void theKernelTalksToSuchAGuest(Kind kind, @TempDir Path folder) throws ProtocolException {
        try (TestNamespace namespace = TestNamespace.createOrSkip();
             Datapath datapath = Datapath.launch(DatapathConfig.defaults().withName("test"))) {
            VhostUserPort port = datapath.add(VhostUserPortConfig.listen("vm", folder.resolve("vm")));
            datapath.wire(port, datapath.add(new TapPortConfig("t0", TapConfig.builder("t0")
                .networkNamespace(namespace.path()).up(true).build())));
            try (TestGuest guest = TestGuest.connect(port.socketPath(),
                     TestGuest.Shape.of(kind.features | Features.GUEST_CSUM));
                 KernelTraffic traffic = new KernelTraffic(namespace, "t0", guest)) {
                while (traffic.received() < 5000) {
                    traffic.send();
                    traffic.receive();
                }
                assertThat(traffic.wrong()).isZero();
            }
        }
    }

    /** Both owners work with headers of 10 bytes, towards a guest and towards a back end, and nothing is lost. */
    @Test
    void suchGuestsAreHandedOver() throws Exception {
        Datapath owner = Datapath.launch(DatapathConfig.defaults());
        try {
            VhostUserPort a = owner.add(VhostUserPortConfig.listen("a", TestSockets.path("a")));
            VhostUserPort b = owner.add(VhostUserPortConfig.listen("b", TestSockets.path("b")));
            VhostUserPort c = owner.add(VhostUserPortConfig.listen("c", TestSockets.path("c")));
            owner.wire(a, b);
            owner.wire(c, owner.add(LoopbackPortConfig.named("loop")));
            try (TestGuest guestA = Kind.LEGACY_STRICT.connect(a.socketPath());
                 TestGuest guestB = Kind.MODERN.connect(b.socketPath());
                 TestGuest guestC = Kind.LEGACY.connect(c.socketPath());
                 GuestTraffic traffic = new GuestTraffic(guestA, guestB)) {
                SequencedFrames looped = new SequencedFrames();
                for (int i = 1; i <= 5; i++) {
                    while (looped.sent() < 500L * i) {
                        looped.send(guestC, 0, 60);
                        guestC.receive(0, looped);
                    }
                    owner = HandoverPair.attempt(owner, OPTIONS, OPTIONS).datapath();
                    traffic.awaitProgress();
                }
                while (looped.received() < looped.sent()) {
                    guestC.receive(0, looped);
                }
                assertThat(looped.wrong()).isZero();
                traffic.finish();
            }
        } finally {
            owner.close();
        }
    }

    private static void await(BooleanSupplier condition) {
        while (!condition.getAsBoolean()) {
            LockSupport.parkNanos(1_000_000);
        }
    }
}
