package dev.baton.datapath;

import static dev.baton.datapath.OffloadKind.GIVES;
import static dev.baton.datapath.OffloadKind.MSS;
import static dev.baton.datapath.OffloadedFrames.SEND_BYTES;
import static dev.baton.datapath.OffloadedFrames.hex;
import static dev.baton.datapath.OffloadedFrames.ofTheGuest;
import static dev.baton.datapath.OffloadedFrames.receiver;
import static dev.baton.datapath.OffloadedFrames.sender;
import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.datapath.OffloadedFrames.Arrived;
import dev.baton.ffi.NetDevice;
import dev.baton.vhostuser.ProtocolException;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.VirtioNetHeader;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Checksums and segmentation (TSO, USO, with ECN) that a guest leaves to the kernel, and the kernel to a guest. */
@Timeout(60)
class KernelOffloadsTest {
    /** The kernel between the guests keeps type, size and ECN too, as far as it was told that the receiver does. */
    @ParameterizedTest
    @EnumSource(OffloadKind.class)
    void twoTapsAndABridgeBetweenCarryFramesAsTheyWereSent(OffloadKind kind) throws ProtocolException {
        try (GuestRoute route = new GuestRoute(GuestRoute.Way.BRIDGED, 1600, 1);
             TestGuest one = sender(route, TestGuest.FEATURES | GIVES);
             TestGuest two = receiver(route, TestGuest.FEATURES | kind.needed)) {
            requireUso(kind, one);
            FlowPacket packet = kind.packet(kind == OffloadKind.CHECKSUM ? 1000 : 60_001);
            byte[] header = kind.header(packet);
            header[VirtioNetHeader.HEADER_BYTES_OFFSET] = (byte) (packet.frame().length - packet.payload.length);
            assertThat(one.send(0, header, packet.frame())).isTrue();
            Arrived arrived = ofTheGuest(two, 1).getFirst();
            assertThat(arrived.frame()).isEqualTo(HexFormat.of().formatHex(packet.frame()));
            // Of a frame that is not to be cut the kernel tells no header length.
            int from = kind == OffloadKind.CHECKSUM ? VirtioNetHeader.GSO_SIZE_OFFSET : 0;
            assertThat(arrived.header().substring(2 * from)).isEqualTo(hex(header, from, 10));
            assertThat(route.drops()).isZero();
        }
    }

    /** What is cut on the way, by the kernel, is what the frame stands for. */
    @ParameterizedTest
    @EnumSource(OffloadKind.class)
    void twoTapsAndABridgeBetweenCutForAReceiverThatTakesNone(OffloadKind kind) throws ProtocolException {
        try (GuestRoute route = new GuestRoute(GuestRoute.Way.BRIDGED, 1600, 1);
             TestGuest one = sender(route, TestGuest.FEATURES | GIVES);
             TestGuest two = receiver(route, TestGuest.FEATURES)) {
            requireUso(kind, one);
            FlowPacket packet = kind.packet(kind == OffloadKind.CHECKSUM ? 1000 : 60_001);
            List<String> expected = kind.cut(packet);
            assertThat(one.send(0, kind.header(packet), packet.frame())).isTrue();
            assertThat(ofTheGuest(two, expected.size()).stream().map(Arrived::frame)).isEqualTo(expected);
            assertThat(route.drops()).isZero();
        }
    }

    /** RFC 3168, 6.1.2: a sender tells once that it has made its window smaller: CWR is for the first frame only. */
    @ParameterizedTest
    @CsvSource({"DIRECT,TSO4_ECN", "DIRECT,TSO6_ECN", "BRIDGED,TSO4_ECN", "BRIDGED,TSO6_ECN"})
    void aReceiverThatTakesSegmentsWithoutEcnGetsCwrOnce(GuestRoute.Way way, OffloadKind kind)
        throws ProtocolException {
        try (GuestRoute route = new GuestRoute(way, 1600, 1);
             TestGuest one = sender(route, TestGuest.FEATURES | GIVES);
             TestGuest two = receiver(route, TestGuest.FEATURES | (kind.needed & ~Features.GUEST_ECN))) {
            FlowPacket packet = kind.packet(20_000);
            int flags = packet.frame().length - packet.payload.length - 20 + 13;
            assertThat(one.send(0, kind.header(packet), packet.frame())).isTrue();
            List<Arrived> arrived = ofTheGuest(two, kind.cut(packet).size());
            for (int i = 0; i < arrived.size(); i++) {
                assertThat(arrived.get(i).header()).startsWith("0100");
                String expected = i == 0 ? "90" : i < arrived.size() - 1 ? "10" : "18";
                assertThat(arrived.get(i).frame().substring(2 * flags, 2 * flags + 2)).isEqualTo(expected);
            }
        }
    }

    /** A socket of the kernel gets the datagrams. */
    @Test
    void aSocketReceivesTheDatagramsThatAGuestLeftToTheKernelToCut() throws Exception {
        try (TestNamespace namespace = TestNamespace.createOrSkip();
             Datapath datapath = Datapath.launch(DatapathConfig.defaults().withName("test"))) {
            VhostUserPort port = datapath.add(VhostUserPortConfig.listen("vm", TestSockets.path("vm")));
            datapath.wire(port, datapath.add(TapPortConfig.named("t0").withNetns(namespace.path())));
            byte[] mac = namespace.call(() -> {
                NetDevice.ipv4Address("t0", "10.9.0.1", 24);
                return NetDevice.hardwareAddress("t0");
            });
            try (TestGuest guest = TestGuest.connect(port.socketPath(), TestGuest.Shape.of(
                     TestGuest.FEATURES | GIVES).withBuffers(64, 2048, SEND_BYTES));
                 DatagramChannel socket = namespace.call(() -> DatagramChannel.open()
                     .bind(new InetSocketAddress("10.9.0.1", 7777)))) {
                requireUso(OffloadKind.USO4, guest);
                for (int bytes : new int[] {10 * MSS, 20_001}) {
                    FlowPacket packet = OffloadKind.USO4.packet(bytes);
                    packet.targetMac = mac;
                    assertThat(guest.send(0, OffloadKind.USO4.header(packet), packet.frame())).isTrue();
                    for (int at = 0; at < bytes; at += MSS) {
                        ByteBuffer datagram = ByteBuffer.allocate(65_536);
                        assertThat(socket.receive(datagram)).isNotNull();
                        assertThat(Arrays.copyOf(datagram.array(), datagram.position())).as("datagram at %d", at)
                            .isEqualTo(Arrays.copyOfRange(packet.payload, at, Math.min(bytes, at + MSS)));
                    }
                }
            }
        }
    }

    /** A TAP takes UDP to be cut since Linux 6.2. */
    private static void requireUso(OffloadKind kind, TestGuest guest) {
        Assumptions.assumeTrue(kind.tcp || (guest.features & Features.HOST_USO) != 0, "the TAP takes no UDP to be cut");
    }
}
