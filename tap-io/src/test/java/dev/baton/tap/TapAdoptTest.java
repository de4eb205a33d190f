package dev.baton.tap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.NetDevice;
import dev.baton.ffi.TunTap;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A second owner of the same file descriptions. */
class TapAdoptTest {
    private TestNamespace namespace;

    @BeforeEach
    void createNamespace() {
        namespace = TestNamespace.createOrSkip();
    }

    @AfterEach
    void removeNamespace() {
        if (namespace != null) {
            namespace.close();
        }
    }

    @Test
    void theSecondOwnerSeesTheSameAndChangesNothing() {
        MacAddress mac = MacAddress.parse("02:00:00:00:00:07");
        TapConfig config = namespace.config("tap0").queues(3).mac(mac).mtu(4000).up(true).persistent(true).build();
        try (TapDevice first = TapDevice.open(config)) {
            first.setOffloads(TunTap.TUN_F_CSUM);
            first.queue(1).attach(false);
            List<TunTap.Iff> before = flags(first);

            try (TapDevice second = TapDevice.adopt(duplicates(first), first.probedOffloads(), first.offloads())) {
                assertThat(flags(first)).isEqualTo(before);
                assertThat(flags(second)).isEqualTo(before);
                assertThat(second.name()).isEqualTo("tap0");
                assertThat(second.queueCount()).isEqualTo(3);
                assertThat(second.multiQueue()).isTrue();
                assertThat(second.queue(0).attached()).isTrue();
                assertThat(second.queue(1).attached()).isFalse();
                assertThat(second.queue(2).attached()).isTrue();
                assertThat(second.headerBytes()).isEqualTo(12);
                assertThat(second.persistent()).isTrue();
                assertThat(second.probedOffloads()).isEqualTo(first.probedOffloads());
                assertThat(second.offloads()).isEqualTo(TunTap.TUN_F_CSUM);
                assertThat(second.mac()).as("found in the interface's own namespace").isEqualTo(mac);
                assertThat(second.mtu()).isEqualTo(4000);
                assertThat(second.isUp()).isTrue();
                assertThat(second.interfaceIndex()).isEqualTo(first.interfaceIndex());
                second.persistent(false);
            }
            assertThat(namespace.has("tap0")).isTrue();
            assertThat(first.queue(0).attached()).isTrue();
        }
        assertThat(namespace.has("tap0")).isFalse();
    }

    @Test
    void theInterfaceLivesOnWithTheSecondOwner() {
        TapDevice first = TapDevice.open(namespace.config("tap0").queues(2).build());
        try (TapDevice second = TapDevice.adopt(duplicates(first))) {
            first.close();

            assertThat(namespace.has("tap0")).isTrue();
            assertThat(second.probedOffloads()).as("nothing was tried").isZero();
            assertThat(second.probeOffloads() & TunTap.TUN_F_CSUM).isNotZero();
        }
        assertThat(namespace.has("tap0")).isFalse();
    }

    @Test
    void aFrameIsReadByWhicheverOwnerAsksFirst() throws IOException, InterruptedException {
        try (TapDevice first = TapDevice.open(namespace.config("tap0").up(true).build());
            TapDevice second = TapDevice.adopt(duplicates(first));
            DatagramSocket socket = namespace.udp(4002);
            FrameBuffer buffer = new FrameBuffer(2048)) {
            namespace.run(() -> NetDevice.ipv4Address("tap0", "10.78.0.1", 24));
            socket.send(new DatagramPacket(new byte[9], 9, InetAddress.getByName("10.78.0.255"), 4002));

            assertThat(buffer.await(second.queue(0), frame -> Frames.isUdpTo(frame, 4002))).isNotNull();
            assertThat(buffer.find(first.queue(0), frame -> Frames.isUdpTo(frame, 4002), 50)).isNull();
        }
    }

    @Test
    void refusalsLeaveTheDescriptorsToTheCaller() {
        try (TapDevice tap = TapDevice.open(namespace.config("tap0").queues(2).build());
            TapDevice other = TapDevice.open(namespace.config("tap1").queues(2).build())) {
            Fd wrong = other.queue(0).fd();
            assertThatExceptionOfType(TapException.class)
                .isThrownBy(() -> TapDevice.adopt(List.of(tap.queue(0).fd(), wrong)))
                .withMessage("TAP tap0: descriptor " + wrong.value()
                    + " for queue 1 is a queue of tap1, not of the same interface");
            assertThat(wrong.isOpen()).isTrue();
            assertThat(tap.queue(0).fd().isOpen()).isTrue();
        }
    }

    @Test
    void whatIsNoQueueOfATapIsRefused() {
        namespace.run(() -> {
            try (Fd tun = TunTap.openClone()) {
                TunTap.setIff(tun, "tun0", TunTap.IFF_TUN | TunTap.IFF_NO_PI | TunTap.IFF_VNET_HDR);
                assertRefused(tun, "TAP tun0: descriptor " + tun.value() + " for queue 0 is of a TUN, not of a TAP");
            }
        });
        try (Fd clone = TunTap.openClone(); Fd file = FileIo.open("/dev/null", FileIo.O_RDWR, 0)) {
            assertRefused(clone, "for queue 0 belongs to no interface");
            assertRefused(file, "TAP adopted: descriptor " + file.value() + " for queue 0 is no queue of a TAP");
        }
        assertThatExceptionOfType(TapException.class).isThrownBy(() -> TapDevice.adopt(List.of()))
            .withMessage("TAP adopted: there is no descriptor to adopt");
    }

    @Test
    void anotherFrameFormatIsRefusedAndNotRepaired() {
        namespace.run(() -> {
            try (Fd plain = TunTap.openClone(); Fd ten = TunTap.openClone(); Fd blocking = TunTap.openClone()) {
                TunTap.setIff(plain, "tap0", TunTap.IFF_TAP | TunTap.IFF_NO_PI);
                assertRefused(plain, "for queue 0 was opened without IFF_VNET_HDR");

                TunTap.setIff(ten, "tap1", TunTap.IFF_TAP | TunTap.IFF_NO_PI | TunTap.IFF_VNET_HDR);
                assertRefused(ten, "for queue 0 has virtio-net headers of 10 bytes, 12 are needed (TUNSETVNETHDRSZ)");
                assertThat(TunTap.vnetHdrSize(ten)).isEqualTo(10);

                TunTap.setIff(blocking, "tap2", TunTap.IFF_TAP | TunTap.IFF_NO_PI | TunTap.IFF_VNET_HDR);
                TunTap.setVnetHdrSize(blocking, 12);
                FileIo.setNonBlocking(blocking, false);
                assertRefused(blocking, "for queue 0 is blocking and would stop the agent: set O_NONBLOCK on it first");
                assertThat(FileIo.isNonBlocking(blocking)).isFalse();
            }
        });
    }

    private static void assertRefused(Fd fd, String reason) {
        assertThatExceptionOfType(TapException.class).isThrownBy(() -> TapDevice.adopt(List.of(fd)))
            .withMessageContaining(reason);
        assertThat(fd.isOpen()).isTrue();
    }

    private static List<Fd> duplicates(TapDevice device) {
        List<Fd> duplicates = new ArrayList<>();
        for (int i = 0; i < device.queueCount(); i++) {
            duplicates.add(device.queue(i).fd().duplicate());
        }
        return duplicates;
    }

    private static List<TunTap.Iff> flags(TapDevice device) {
        List<TunTap.Iff> flags = new ArrayList<>();
        for (int i = 0; i < device.queueCount(); i++) {
            flags.add(TunTap.getIff(device.queue(i).fd()));
        }
        return flags;
    }
}
