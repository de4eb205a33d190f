package dev.baton.ffi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** Namespaces, interfaces and TAP queues, in a namespace of the test's own. */
@ExtendWith(NoLeaks.class)
@Timeout(60)
class NetworkTest {
    private static final int HEADER = 12;
    private static final int TAP = TunTap.IFF_TAP | TunTap.IFF_NO_PI | TunTap.IFF_VNET_HDR;

    private static String current() {
        try {
            return Files.readSymbolicLink(Path.of("/proc/thread-self/ns/net")).toString();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @BeforeEach
    void needs() {
        Machine.needsTun();
    }

    @Test
    void entersANamespaceAndAlwaysComesBack() {
        String before = current();
        try (Fd namespace = NetworkNamespace.create()) {
            assertThat(current()).isEqualTo(before);
            String inside = NetworkNamespace.call(namespace, NetworkTest::current);
            assertThat(inside).isNotEqualTo(before);
            assertThat(current()).isEqualTo(before);
            assertThatThrownBy(() -> NetworkNamespace.call(namespace, () -> {
                throw new IllegalArgumentException("inside");
            })).hasMessage("inside");
            assertThat(current()).isEqualTo(before);
            try (Fd byPath = NetworkNamespace.open("/proc/self/fd/" + namespace.value())) {
                assertThat(NetworkNamespace.call(byPath, NetworkTest::current)).isEqualTo(inside);
            }
        }
    }

    @Test
    void refusesWhatIsNoNamespace() {
        String before = current();
        assertThatThrownBy(() -> NetworkNamespace.open("no-such-namespace"))
            .hasMessageContaining("/run/netns/no-such-namespace\"): ENOENT");
        try (Fd file = FileIo.open("/dev/null", FileIo.O_RDONLY, 0)) {
            assertThatThrownBy(() -> NetworkNamespace.call(file, NetworkTest::current))
                .hasMessageContaining("setns(CLONE_NEWNET): EINVAL");
        }
        assertThat(current()).isEqualTo(before);
    }

    @Test
    void virtualThreadStaysWhereItIs() throws InterruptedException {
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        Thread.ofVirtual().uncaughtExceptionHandler((thread, e) -> thrown.set(e))
            .start(NetworkNamespace::unshare).join();
        assertThat(thrown.get()).isInstanceOf(IllegalStateException.class).hasMessageContaining("virtual thread");
    }

    @Test
    void configuresAnInterface() {
        inNamespace(() -> {
            try (Fd tap = TunTap.openClone()) {
                String name = TunTap.setIff(tap, "baton%d", TAP | TunTap.IFF_MULTI_QUEUE);
                assertThat(name).isEqualTo("baton0");
                assertThat(NetDevice.exists(name)).isTrue();
                assertThat(NetDevice.index(name)).isPositive();
                assertThat(NetDevice.isUp(name)).isFalse();
                NetDevice.hardwareAddress(name, new byte[] {2, 0, 0, 0, 0, 1});
                NetDevice.mtu(name, 9000);
                NetDevice.transmitQueueLength(name, 4000);
                NetDevice.ipv4Address(name, "10.99.0.1", 24);
                NetDevice.up(name, true);
                assertThat(NetDevice.isUp(name)).isTrue();
                assertThat(NetDevice.isRunning(name)).isTrue();
                assertThat(Ethtool.driverInfo(name)).isEqualTo(new Ethtool.DriverInfo("tun", "tap"));
                assertThat(Ethtool.driverInfo("lo").busInfo()).isEmpty();
                try (Fd namespace = TunTap.namespace(tap)) {
                    assertThat(NetworkNamespace.call(namespace, NetworkTest::current)).isEqualTo(current());
                }
                assertThat(NetDevice.hardwareAddress(name)).containsExactly(2, 0, 0, 0, 0, 1);
                assertThat(NetDevice.mtu(name)).isEqualTo(9000);
                assertThat(NetDevice.transmitQueueLength(name)).isEqualTo(4000);
                NetDevice.up(name, false);
                assertThat(NetDevice.isUp(name)).isFalse();
                assertThatThrownBy(() -> NetDevice.mtu(name, -1)).hasMessageContaining("SIOCSIFMTU \"baton0\"");
            }
            assertThat(NetDevice.exists("baton0")).isFalse();
            assertThatThrownBy(() -> NetDevice.up("baton0", true))
                .hasMessage("ioctl(SIOCGIFFLAGS \"baton0\"): ENODEV (No such device)");
        });
    }

    @Test
    void refusesWhatIsNoNameOrAddress() {
        assertThatThrownBy(() -> NetDevice.exists("a-name-of-16-byt")).hasMessageContaining("at most 15 bytes");
        for (String address : new String[] {"10.0.0", "10.0.0.256", "10.0.0.x", "", "1.2.3.4.5", "1..2.3"}) {
            assertThatThrownBy(() -> NetDevice.ipv4Address("lo", address, 8))
                .hasMessage("not an IPv4 address: " + address);
        }
        assertThatThrownBy(() -> NetDevice.ipv4Address("lo", "1.2.3.4", 33)).hasMessageContaining("not 33");
        assertThatThrownBy(() -> NetDevice.hardwareAddress("lo", new byte[5])).hasMessageContaining("not 5");
    }

    @Test
    void setsUpQueuesOfATap() {
        inNamespace(() -> {
            try (Fd first = TunTap.openClone(); Fd second = TunTap.openClone()) {
                assertThat(TunTap.features(first)).matches(known -> (known & TAP) == TAP);
                assertThatThrownBy(() -> TunTap.getIff(first)).hasMessageContaining("ioctl(TUNGETIFF): EBADFD");
                String name = TunTap.setIff(first, "", TAP | TunTap.IFF_MULTI_QUEUE);
                assertThat(TunTap.setIff(second, name, TAP | TunTap.IFF_MULTI_QUEUE)).isEqualTo(name);
                assertThat(TunTap.getIff(first).name()).isEqualTo(name);
                assertThat(TunTap.getIff(first).flags() & (TAP | TunTap.IFF_MULTI_QUEUE))
                    .isEqualTo(TAP | TunTap.IFF_MULTI_QUEUE);

                TunTap.setVnetHdrSize(first, HEADER);
                assertThat(TunTap.vnetHdrSize(first)).isEqualTo(HEADER);
                TunTap.setVnetLittleEndian(first, true);
                assertThat(TunTap.isVnetLittleEndian(first)).isTrue();
                TunTap.setSendBuffer(first, 1 << 20);
                TunTap.setOffload(first, TunTap.TUN_F_CSUM | TunTap.TUN_F_TSO4 | TunTap.TUN_F_TSO6);
                assertThatThrownBy(() -> TunTap.setOffload(first, 1 << 20)).hasMessageContaining("EINVAL");

                TunTap.setQueueAttached(second, false);
                assertThat(TunTap.getIff(second).flags() & TunTap.IFF_DETACH_QUEUE).isNotZero();
                assertThatThrownBy(() -> TunTap.setQueueAttached(second, false)).isInstanceOf(SyscallException.class);
                TunTap.setQueueAttached(second, true);
                assertThat(TunTap.getIff(second).flags() & TunTap.IFF_DETACH_QUEUE).isZero();

                TunTap.setPersistent(first, true);
                assertThat(TunTap.getIff(first).flags() & TunTap.IFF_PERSIST).isNotZero();
                TunTap.setPersistent(first, false);
                assertThat(TunTap.getIff(first).flags() & TunTap.IFF_PERSIST).isZero();
            }
        });
    }

    /** What is written at one side of an interface is read at the other; frames of another type are not. */
    @Test
    void packetSocketHasTheFramesOfItsInterface() {
        inNamespace(() -> {
            try (Fd tap = TunTap.openClone(); Mapping memory = Mapping.anonymous(8192)) {
                String name = TunTap.setIff(tap, "baton0", TunTap.IFF_TAP | TunTap.IFF_NO_PI);
                NetDevice.up(name, true);
                try (Fd socket = PacketSocket.open(name, 0x88b5, 1 << 20)) {
                    byte[] other = HexFormat.of().parseHex("ffffffffffff" + "020000000002" + "88b6" + "00".repeat(46));
                    byte[] frame = HexFormat.of().parseHex("ffffffffffff" + "020000000002" + "88b5" + "07".repeat(46));
                    for (byte[] sent : new byte[][] {other, frame}) {
                        RawMemory.copyFromArray(sent, 0, memory.address(), sent.length);
                        assertThat(FileIo.write(tap.value(), memory.address(), sent.length)).isEqualTo(sent.length);
                    }
                    assertThat(Poll.await(socket, Poll.IN, 10_000)).isNotZero();
                    assertThat(FileIo.read(socket.value(), memory.address(), 4096)).isEqualTo(frame.length);
                    byte[] received = new byte[frame.length];
                    RawMemory.copyToArray(memory.address(), received, 0, received.length);
                    assertThat(received).isEqualTo(frame);
                    assertThat(FileIo.read(socket.value(), memory.address(), 4096)).isEqualTo(-Errno.EAGAIN);
                }
            }
            assertThatThrownBy(() -> PacketSocket.open("baton0", 0x88b5, 1 << 20)).hasMessageContaining("ENODEV");
        });
    }

    /** One call, and a TAP that takes no offloads: the kernel cuts, and each datagram is a frame of its own. */
    @Test
    void cutsWhatOneCallSendsIntoDatagrams() {
        inNamespace(() -> {
            try (Fd tap = TunTap.openClone(); Mapping memory = Mapping.anonymous(8192)) {
                String name = TunTap.setIff(tap, "baton0", TunTap.IFF_TAP | TunTap.IFF_NO_PI);
                FileIo.setNonBlocking(tap, true);
                NetDevice.ipv4Address(name, "10.99.0.1", 24);
                NetDevice.up(name, true);
                NetDevice.noArp(name, true);
                try (Fd socket = UdpSocket.connect("10.99.0.2", 4791)) {
                    UdpSocket.segmentBytes(socket, 22);
                    for (int i = 0; i < 2 * 22 + 10; i++) {
                        RawMemory.putByte(memory.address() + i, (byte) i);
                    }
                    assertThat(FileIo.write(socket.value(), memory.address(), 54)).isEqualTo(54);
                    assertThat(datagrams(tap, memory)).containsExactly(bytes(0, 22), bytes(22, 44), bytes(44, 54));
                    UdpSocket.segmentBytes(socket, 0);
                    assertThat(FileIo.write(socket.value(), memory.address(), 54)).isEqualTo(54);
                    assertThat(datagrams(tap, memory)).containsExactly(bytes(0, 54));
                    assertThatThrownBy(() -> UdpSocket.segmentBytes(socket, -1)).hasMessageContaining("EINVAL");
                }
                assertThatThrownBy(() -> UdpSocket.connect("10.98.0.2", 4791)).hasMessageContaining("ENETUNREACH");
            }
        });
    }

    /** The payloads of the UDP datagrams to port 4791 that wait in a TAP. */
    private static List<String> datagrams(Fd tap, Mapping memory) {
        int udp = 14 + 20;
        long frame = memory.address() + 4096;
        List<String> payloads = new ArrayList<>();
        for (long length = FileIo.read(tap.value(), frame, 4096); length > 0;
            length = FileIo.read(tap.value(), frame, 4096)) {
            if (RawMemory.getShort(frame + udp + 2) == Short.reverseBytes((short) 4791)) {
                byte[] payload = new byte[(int) length - udp - 8];
                RawMemory.copyToArray(frame + udp + 8, payload, 0, payload.length);
                payloads.add(HexFormat.of().formatHex(payload));
            }
        }
        return payloads;
    }

    private static String bytes(int first, int end) {
        byte[] bytes = new byte[end - first];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (first + i);
        }
        return HexFormat.of().formatHex(bytes);
    }

    /** An ARP request in, the answer of the kernel's own IP stack out: real frames, both ways. */
    @Test
    void writesAndReadsFrames() {
        try (Fd namespace = NetworkNamespace.create(); Fd tap = NetworkNamespace.call(namespace, TunTap::openClone);
            Mapping memory = Mapping.anonymous(8192); IovecArray list = new IovecArray(2)) {
            String name = TunTap.setIff(tap, "baton0", TAP);
            TunTap.setVnetHdrSize(tap, HEADER);
            NetworkNamespace.call(namespace, () -> {
                NetDevice.ipv4Address(name, "10.99.0.1", 24);
                NetDevice.up(name, true);
                return name;
            });
            byte[] request = HexFormat.of().parseHex(
                "ffffffffffff" + "020000000002" + "0806"
                    + "0001080006040001" + "020000000002" + "0a630002" + "000000000000" + "0a630001");
            list.set(0, memory.address(), HEADER);
            list.set(1, memory.address() + 4096, request.length);
            RawMemory.copyFromArray(request, 0, memory.address() + 4096, request.length);
            assertThat(FileIo.writev(tap.value(), list.address(), 2)).isEqualTo(HEADER + request.length);

            list.set(1, memory.address() + 4096, 4096);
            byte[] answer = new byte[request.length];
            do {
                assertThat(Poll.await(tap, Poll.IN, 10_000)).isEqualTo(Poll.IN);
                long length = FileIo.readv(tap.value(), list.address(), 2);
                assertThat(length).isGreaterThanOrEqualTo(HEADER + request.length);
                RawMemory.copyToArray(memory.address() + 4096, answer, 0, answer.length);
            } while (answer[12] != 0x08 || answer[13] != 0x06);
            assertThat(HexFormat.of().formatHex(answer, 0, 6)).isEqualTo("020000000002");
            assertThat(HexFormat.of().formatHex(answer, 20, 22)).isEqualTo("0002");
            assertThat(HexFormat.of().formatHex(answer, 28, 32)).isEqualTo("0a630001");
        }
    }

    private static void inNamespace(Runnable test) {
        try (Fd namespace = NetworkNamespace.create()) {
            NetworkNamespace.<Object>call(namespace, () -> {
                test.run();
                return "";
            });
        }
    }
}
