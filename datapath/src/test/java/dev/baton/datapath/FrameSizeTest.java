package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.vhostuser.ProtocolException;
import dev.baton.virtqueue.Features;
import java.util.Random;
import java.util.function.IntUnaryOperator;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Frames of every length and with VLAN tags, in all kinds of buffers, by all four transfers, arrive as they were. */
@Timeout(120)
class FrameSizeTest {
    /** An Ethernet header and an MTU of 65535. */
    private static final int LONGEST = 14 + 65_535;
    /** What the kernel lets a TAP have: a frame of 65535 bytes. */
    private static final int TAP_MTU = 65_521;
    private static final int[] LENGTHS =
        {22, 60, 115, 116, 117, 128, 1514, 1518, 2036, 2037, 4096, 9014, 32_768, 65_535};

    /** The receiver's buffers. */
    enum Buffers {
        MERGEABLE_128(Features.MRG_RXBUF, 1024, 128),
        MERGEABLE_2K(Features.MRG_RXBUF, 256, 2048),
        MERGEABLE_64K(Features.MRG_RXBUF, 64, 65_568),
        PACKED_128(Features.MRG_RXBUF | Features.RING_PACKED, 1024, 128),
        SINGLE_64K(0, 64, 65_568),
        LEGACY_64K(-1, 64, 65_568);

        /** Those beyond the usual; -1: a legacy guest's. */
        private final long features;
        private final int size;
        private final int bytes;

        Buffers(long features, int size, int bytes) {
            this.features = features;
            this.size = size;
            this.bytes = bytes;
        }

        TestGuest.Shape shape() {
            long wanted = features < 0 ? TestGuest.LEGACY_FEATURES
                : Features.VERSION_1 | Features.EVENT_IDX | features;
            return TestGuest.Shape.of(wanted | Features.MTU).withBuffers(size, bytes, 65_568);
        }
    }

    @ParameterizedTest
    @CsvSource({"DIRECT,MERGEABLE_128", "DIRECT,MERGEABLE_2K", "DIRECT,MERGEABLE_64K", "DIRECT,SINGLE_64K",
        "DIRECT,PACKED_128", "DIRECT,LEGACY_64K", "BRIDGED,MERGEABLE_128", "BRIDGED,MERGEABLE_2K",
        "BRIDGED,MERGEABLE_64K", "BRIDGED,SINGLE_64K", "BRIDGED,PACKED_128", "BRIDGED,LEGACY_64K",
        "RELAYED,MERGEABLE_2K"})
    void framesOfEveryLengthArriveWhole(GuestRoute.Way way, Buffers buffers) throws ProtocolException {
        int longest = way == GuestRoute.Way.DIRECT ? LONGEST : 14 + TAP_MTU;
        Random random = new Random(6);
        // Small ones in a row, so that a transfer bets on them, and any after any.
        IntUnaryOperator length = i -> i % 100 < 50 ? LENGTHS[random.nextInt(LENGTHS.length)]
            : i % 10 == 0 ? longest : 22 + random.nextInt(i % 100 < 80 ? 1000 : longest - 21);
        try (GuestRoute route = new GuestRoute(way, TAP_MTU, 1);
             TestGuest one = TestGuest.connect(route.one.socketPath(), Buffers.MERGEABLE_2K.shape());
             TestGuest two = TestGuest.connect(route.two.socketPath(), buffers.shape())) {
            two.frontEnd.mtu(65_535);
            route.transfer(one, two, 0, 1000, length);
            route.transfer(two, one, 0, 1000, length);
            route.transfer(one, two, 0, 100, i -> longest);
            assertThat(route.drops()).isZero();
        }
    }

    /** Tags of a VLAN, of a priority alone, and of a VLAN in a provider's (802.1Q, 802.1ad). */
    enum Tags {
        VLAN(0x8100_0064), PRIORITY(0x8100_E000), QINQ(0x88A8_A00A, 0x8100_0FFE), TWICE(0x8100_0001, 0x8100_0002);

        @SuppressWarnings("ImmutableEnumChecker") // an array, which nobody changes
        private final int[] tags;

        Tags(int... tags) {
            this.tags = tags;
        }
    }

    @ParameterizedTest
    @CsvSource({"DIRECT,VLAN", "DIRECT,PRIORITY", "DIRECT,QINQ", "DIRECT,TWICE", "BRIDGED,VLAN", "BRIDGED,PRIORITY",
        "BRIDGED,QINQ", "BRIDGED,TWICE", "RELAYED,VLAN", "RELAYED,QINQ"})
    void taggedFramesPassUntouched(GuestRoute.Way way, Tags tags) throws ProtocolException {
        Random random = new Random(7);
        // The bridge lets tags pass beyond its MTU, but not two of them.
        try (GuestRoute route = new GuestRoute(way, 1504, 1);
             TestGuest one = TestGuest.connect(route.one.socketPath());
             TestGuest two = TestGuest.connect(route.two.socketPath(),
                 TestGuest.Shape.of(TestGuest.LEGACY_FEATURES))) {
            for (int round = 0; round < 2; round++) {
                TestGuest from = round == 0 ? one : two;
                route.transfer(from, from == one ? two : one, 0, 2000,
                    i -> i % 4 == 0 ? 1514 + 4 * tags.tags.length : 60 + random.nextInt(1454),
                    new SequencedFrames(tags.tags));
            }
            assertThat(route.drops()).isZero();
        }
    }
}
