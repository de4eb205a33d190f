package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.datapath.FlowPacket.Checksum;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import dev.baton.offload.SoftwareOffload;
import dev.baton.tap.TapConfig;
import dev.baton.tap.TapDevice;
import dev.baton.virtqueue.VirtioNetHeader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Frames are cut and summed up byte for byte as the kernel does it.
 *
 * <pre>
 *   the test writes to t0 -- bridge -- t1, read by the test, which takes no offload: the kernel cuts and sums
 * </pre>
 */
@Timeout(60)
class SoftwareOffloadTest {
    private static final byte[] LAST = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, (byte) 0x88, (byte) 0xb5};
    private static final int FIN = 0x01;
    private static final int PSH = 0x08;
    private static final int ACK = 0x10;
    private static final int ECE = 0x40;
    private static final int CWR = 0x80;

    /** A packet, the size it is to be cut to, and the bit for ECN. */
    record Asked(FlowPacket packet, int gsoSize, boolean ecn) {
        byte[] header() {
            ByteBuffer header = ByteBuffer.wrap(packet.header()).order(ByteOrder.LITTLE_ENDIAN);
            if (gsoSize > 0) {
                int type = !packet.tcp ? VirtioNetHeader.GSO_UDP_L4
                    : packet.ipv6 ? VirtioNetHeader.GSO_TCPV6 : VirtioNetHeader.GSO_TCPV4;
                header.put(VirtioNetHeader.GSO_TYPE_OFFSET, (byte) (ecn ? type | VirtioNetHeader.GSO_ECN : type));
                header.putShort(VirtioNetHeader.GSO_SIZE_OFFSET, (short) gsoSize);
                header.putShort(VirtioNetHeader.HEADER_BYTES_OFFSET,
                    (short) (packet.frame().length - packet.payload.length));
            }
            return header.array();
        }

        @Override
        public String toString() {
            return (packet.tcp ? "TCP" : "UDP") + (packet.ipv6 ? " IPv6 " : " IPv4 ") + packet.payload.length
                + " bytes by " + gsoSize + ", flags " + packet.flags + ", " + packet.tcpOptions.length + " of options"
                + (packet.vlan ? ", VLAN" : "") + (packet.ipOptions.length > 0 ? ", IP options" : "");
        }
    }

    static List<Asked> asked() {
        List<Asked> all = new ArrayList<>();
        for (boolean ipv6 : new boolean[] {false, true}) {
            for (boolean tcp : new boolean[] {false, true}) {
                for (int bytes : new int[] {1, 900, 1000, 1001, 4999, 60_000}) {
                    all.add(new Asked(packet(ipv6, tcp, bytes), 1000, false));
                }
                all.add(new Asked(packet(ipv6, tcp, 5001), 333, false));
                all.add(new Asked(packet(ipv6, tcp, 1001), 0, false));
                all.add(new Asked(packet(ipv6, tcp, 8), 0, false));
                FlowPacket tagged = packet(ipv6, tcp, 3000);
                tagged.vlan = true;
                all.add(new Asked(tagged, 1000, false));
                FlowPacket tos = packet(ipv6, tcp, 3000);
                tos.trafficClass = 0x03;
                tos.id = 0xFFFE;
                tos.fragment = 0;
                all.add(new Asked(tos, 1000, false));
            }
            FlowPacket odd = packet(ipv6, true, 7000);
            odd.flags = FIN | PSH | ACK | ECE | CWR;
            odd.sequence = 0xFFFF_F000L;
            odd.tcpOptions = new byte[] {1, 1, 8, 10, 0, 0, 0, 5, 0, 0, 0, 6};
            all.add(new Asked(odd, 1400, true));
        }
        FlowPacket options = packet(false, true, 3000);
        options.ipOptions = new byte[] {1, 1, 1, 0};
        all.add(new Asked(options, 1000, false));
        return all;
    }

    private static FlowPacket packet(boolean ipv6, boolean tcp, int bytes) {
        FlowPacket packet = new FlowPacket();
        packet.ipv6 = ipv6;
        packet.tcp = tcp;
        packet.id = 7;
        packet.checksum = Checksum.PARTIAL;
        packet.payload = new byte[bytes];
        new Random(bytes).nextBytes(packet.payload);
        return packet;
    }

    @Test
    void framesAreThoseOfTheKernel() {
        try (TestNamespace namespace = TestNamespace.createOrSkip();
             TapDevice near = open(namespace, "t0");
             TapDevice far = open(namespace, "t1");
             SoftwareOffload offload = new SoftwareOffload(TapDevice.MAX_FRAME_BYTES)) {
            namespace.ip("link", "add", "br0", "type", "bridge", "mcast_snooping", "0");
            namespace.ip("link", "set", "t0", "master", "br0");
            namespace.ip("link", "set", "t1", "master", "br0");
            namespace.ip("link", "set", "br0", "up");
            for (Asked asked : asked()) {
                // The kernel looks at UDP that asks to be cut, and refuses what is one frame already or too many.
                List<String> cut = cut(offload, asked, false);
                assertThat(cut).as(asked.toString()).isEqualTo(kernel(near, far, asked));
                assertThat(cut).hasSize(asked.gsoSize() == 0 ? 1
                    : (asked.packet().payload.length + asked.gsoSize() - 1) / asked.gsoSize());
            }
            namespace.ip("link", "del", "br0");
        }
    }

    private static TapDevice open(TestNamespace namespace, String name) {
        return TapDevice.open(TapConfig.builder(name).networkNamespace(namespace.path()).up(true).build());
    }

    private static List<String> kernel(TapDevice near, TapDevice far, Asked asked) {
        write(near, asked.header(), asked.packet().frame());
        write(near, new byte[VirtioNetHeader.LENGTH], LAST);
        List<String> frames = new ArrayList<>();
        try (Mapping buffer = Mapping.anonymous(TapDevice.MAX_FRAME_BYTES)) {
            while (true) {
                long length = far.queue(0).read(buffer.address(), buffer.length());
                if (length < 0) {
                    Thread.onSpinWait();
                    continue;
                }
                byte[] frame = bytes(buffer.address() + VirtioNetHeader.LENGTH, (int) length - VirtioNetHeader.LENGTH);
                if (Arrays.equals(frame, LAST)) {
                    return frames;
                }
                if (Arrays.equals(frame, 6, 12, LAST, 6, 12)) {
                    frames.add(HexFormat.of().formatHex(frame));
                }
            }
        }
    }

    private static void write(TapDevice tap, byte[] header, byte[] frame) {
        try (Mapping memory = Mapping.anonymous(header.length + frame.length)) {
            RawMemory.copyFromArray(header, 0, memory.address(), header.length);
            RawMemory.copyFromArray(frame, 0, memory.address() + header.length, frame.length);
            assertThat(tap.queue(0).write(memory.address(), memory.length())).as("write").isPositive();
        }
    }

    /** The frames, without virtio-net headers. */
    private static List<String> cut(SoftwareOffload offload, Asked asked, boolean takesChecksum) {
        List<String> frames = new ArrayList<>();
        int count = begin(offload, asked.header(), asked.packet().frame(), takesChecksum);
        for (int i = 0; i < count; i++) {
            byte[] part = next(offload);
            frames.add(HexFormat.of().formatHex(part, VirtioNetHeader.LENGTH, part.length));
        }
        return frames;
    }

    private static int begin(SoftwareOffload offload, byte[] header, byte[] frame, boolean takesChecksum) {
        RawMemory.copyFromArray(header, 0, offload.address(), header.length);
        RawMemory.copyFromArray(frame, 0, offload.address() + header.length, frame.length);
        return offload.begin(header.length + frame.length, takesChecksum);
    }

    private static byte[] next(SoftwareOffload offload) {
        int length = offload.next();
        byte[] bytes = new byte[length];
        int first = (int) offload.list().length(0);
        RawMemory.copyToArray(offload.list().base(0), bytes, 0, first);
        if (first < length) {
            assertThat(offload.list().length(1)).isEqualTo(length - first);
            RawMemory.copyToArray(offload.list().base(1), bytes, first, length - first);
        }
        return bytes;
    }

    private static byte[] bytes(long address, int length) {
        byte[] bytes = new byte[length];
        RawMemory.copyToArray(address, bytes, 0, length);
        return bytes;
    }

    static Stream<Asked> askedToBeCut() {
        return asked().stream().filter(asked -> asked.gsoSize() > 0);
    }

    /** A receiver that takes checksums is left to fill them in, and gets the same then. */
    @ParameterizedTest
    @MethodSource("askedToBeCut")
    void aReceiverMayFillInTheChecksumItself(Asked asked) {
        try (SoftwareOffload offload = new SoftwareOffload(TapDevice.MAX_FRAME_BYTES);
             SoftwareOffload receiver = new SoftwareOffload(TapDevice.MAX_FRAME_BYTES)) {
            List<String> filledIn = new ArrayList<>();
            int count = begin(offload, asked.header(), asked.packet().frame(), true);
            for (int i = 0; i < count; i++) {
                byte[] part = next(offload);
                byte[] header = Arrays.copyOf(part, VirtioNetHeader.LENGTH);
                assertThat(header[0]).isEqualTo((byte) VirtioNetHeader.NEEDS_CSUM);
                byte[] frame = Arrays.copyOfRange(part, VirtioNetHeader.LENGTH, part.length);
                assertThat(begin(receiver, header, frame, false)).isEqualTo(1);
                byte[] summed = next(receiver);
                assertThat(Arrays.copyOf(summed, 2)).isEqualTo(new byte[2]);
                filledIn.add(HexFormat.of().formatHex(summed, VirtioNetHeader.LENGTH, summed.length));
            }
            assertThat(filledIn).isEqualTo(cut(offload, asked, false));
        }
    }

    /** Whatever the headers say, nothing leaves the copy, and what is made is as long as it says. */
    @ParameterizedTest
    @MethodSource("damaged")
    void headersThatDoNotFitAreRefused(byte[] header, byte[] frame) {
        try (SoftwareOffload offload = new SoftwareOffload(TapDevice.MAX_FRAME_BYTES)) {
            assertThat(begin(offload, header, frame, false)).isZero();
        }
    }

    static Stream<Object[]> damaged() {
        List<Object[]> cases = new ArrayList<>();
        for (boolean ipv6 : new boolean[] {false, true}) {
            Asked good = new Asked(packet(ipv6, true, 3000), 1000, false);
            int network = 14;
            int transport = ipv6 ? 54 : 34;
            cases.add(change(good, 0, 0, -1));
            cases.add(change(good, VirtioNetHeader.GSO_SIZE_OFFSET, 0, VirtioNetHeader.GSO_SIZE_OFFSET + 1));
            cases.add(change(good, VirtioNetHeader.GSO_SIZE_OFFSET, 1, VirtioNetHeader.GSO_SIZE_OFFSET + 1));
            cases.add(change(good, VirtioNetHeader.CSUM_START_OFFSET, transport + 2, -1));
            cases.add(change(good, VirtioNetHeader.CSUM_START_OFFSET + 1, 0xFF, -1));
            cases.add(change(good, VirtioNetHeader.CSUM_OFFSET_OFFSET, 6, -1));
            cases.add(change(good, VirtioNetHeader.GSO_TYPE_OFFSET,
                ipv6 ? VirtioNetHeader.GSO_TCPV4 : VirtioNetHeader.GSO_TCPV6, -1));
            cases.add(change(good, VirtioNetHeader.LENGTH + 12, 0x77, -1));
            cases.add(change(good, VirtioNetHeader.LENGTH + network, 0x15, -1));
            cases.add(change(good, VirtioNetHeader.LENGTH + transport + 12, 0x40, -1));
            if (!ipv6) {
                cases.add(change(good, VirtioNetHeader.LENGTH + network, 0x46, -1));
                cases.add(change(good, VirtioNetHeader.LENGTH + network + 6, 0x20, -1));
                cases.add(change(good, VirtioNetHeader.LENGTH + network + 9, 17, -1));
            }
            // Cut off within the transport header.
            cases.add(new Object[] {good.header(), Arrays.copyOf(good.packet().frame(), transport + 19)});
        }
        return cases.stream();
    }

    /** Sets a byte of header and frame, and another to 0. */
    private static Object[] change(Asked asked, int at, int value, int zeroed) {
        byte[] header = asked.header();
        byte[] frame = asked.packet().frame();
        byte[] bytes = Arrays.copyOf(header, header.length + frame.length);
        System.arraycopy(frame, 0, bytes, header.length, frame.length);
        bytes[at] = (byte) value;
        if (zeroed >= 0) {
            bytes[zeroed] = 0;
        }
        return new Object[] {Arrays.copyOf(bytes, header.length),
            Arrays.copyOfRange(bytes, header.length, bytes.length)};
    }

    @Test
    void randomHeadersAreRefusedOrCutWithinTheCopy() {
        Random random = new Random(11);
        List<Asked> all = asked();
        int cut = 0;
        try (SoftwareOffload offload = new SoftwareOffload(TapDevice.MAX_FRAME_BYTES)) {
            for (int i = 0; i < 20_000; i++) {
                Asked asked = all.get(random.nextInt(all.size()));
                byte[] header = asked.header();
                byte[] frame = Arrays.copyOf(asked.packet().frame(), random.nextInt(3000));
                for (int changes = random.nextInt(4); changes > 0; changes--) {
                    int at = random.nextInt(header.length + Math.min(frame.length, 60));
                    if (at < header.length) {
                        header[at] = (byte) random.nextInt();
                    } else {
                        frame[at - header.length] = (byte) random.nextInt();
                    }
                }
                int count = begin(offload, header, frame, random.nextBoolean());
                int payload = 0;
                for (int part = 0; part < count; part++) {
                    offload.next();
                    payload += count > 1 ? (int) offload.list().length(1) : 0;
                }
                assertThat(payload).isLessThanOrEqualTo(frame.length);
                cut += count > 1 ? 1 : 0;
            }
        }
        assertThat(cut).as("frames that were cut").isPositive();
    }
}
