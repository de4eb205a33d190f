package dev.baton.tap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatNoException;

import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.NetDevice;
import dev.baton.ffi.TunTap;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A device goes from one owner to the next by its state, and the kernel does not notice. */
class TapRestoreTest {
    private static final int OFFLOADS = TunTap.TUN_F_CSUM | TunTap.TUN_F_TSO4;
    private static final int FIRST_PORT = 4100;
    private static final int FLOWS = 48;
    private static final int FRAMES = 240;

    private TestNamespace namespace;
    private TapDevice first;
    private DatagramSocket socket;
    private long descriptorsBefore;

    @BeforeEach
    void createDevice() {
        namespace = TestNamespace.createOrSkip();
        namespace.udp(4000).close(); // with the first one that is closed the JVM opens a socket for good
        descriptorsBefore = Descriptors.open();
        first = TapDevice.open(namespace.config("tap0").queues(3).mtu(4000).up(true).build());
        first.setOffloads(OFFLOADS);
        namespace.run(() -> NetDevice.ipv4Address("tap0", "10.79.0.1", 24));
        socket = namespace.udp(4000);
    }

    @AfterEach
    void removeDevice() {
        if (namespace != null) {
            socket.close();
            first.close();
            assertThat(Descriptors.open()).as("open descriptors").isEqualTo(descriptorsBefore);
            assertThat(namespace.has("tap0")).isFalse();
            namespace.close();
        }
    }

    @Test
    void theStateSaysWhatTheKernelSays() {
        first.queue(1).attach(false);

        TapState state = first.state();

        assertThat(state.probedOffloads()).isEqualTo(first.probedOffloads());
        assertThat(state.offloads()).isEqualTo(OFFLOADS);
        assertThat(state.queues()).extracting(TapQueueState::enabled).containsExactly(true, false, true);
        assertThat(state.queues()).allSatisfy(queue -> {
            assertThat(queue.usingVnetHdr()).isTrue();
            assertThat(queue.hostVnetHdrLen()).isEqualTo(12);
            assertThat(queue.hasUfo()).isEqualTo((first.probedOffloads() & TunTap.TUN_F_UFO) != 0);
            assertThat(queue.hasUso()).isEqualTo((first.probedOffloads() & TunTap.TUN_F_USO4) != 0);
            assertThat(queue.hasTunnel()).isEqualTo((first.probedOffloads() & TunTap.TUN_F_UDP_TUNNEL_GSO) != 0);
        });
        assertThat(state.queues().get(2).fd()).as("borrowed").isSameAs(first.queue(2).fd());
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void framesThatWaitAreReadByTheNextOwnerInOrder(boolean oneDetached) throws IOException {
        first.queue(1).attach(!oneDetached);
        send();
        List<List<Integer>> read = new ArrayList<>();
        try (FrameBuffer buffer = new FrameBuffer(2048)) {
            for (int i = 0; i < 3; i++) {
                read.add(readAll(first.queue(i), buffer, 20));
            }
            try (TapDevice second = TapDevice.restore(passed(first.state()))) {
                for (int i = 0; i < 3; i++) {
                    read.get(i).addAll(readAll(second.queue(i), buffer, FRAMES));
                    assertThat(readAll(first.queue(i), buffer, FRAMES)).as("left for the old owner").isEmpty();
                    assertThat(second.queue(i).attached()).isEqualTo(i != 1 || !oneDetached);
                }
            }
        }
        assertThat(read).allSatisfy(queue -> assertThat(queue).isSorted());
        assertThat(read.stream().flatMap(List::stream).sorted().toList())
            .as("each frame once").isEqualTo(IntStream.range(0, FRAMES).boxed().toList());
        assertThat(read.get(1).isEmpty()).isEqualTo(oneDetached);
    }

    /** A standby's state may be older than what the owner has done since; what counts is what it finds at its end. */
    @Test
    void aStateThatIsOlderThanTheDevice() {
        TapState older = passed(first.state());
        first.queue(1).attach(false);
        assertThatExceptionOfType(TapException.class).isThrownBy(() -> TapDevice.restore(older))
            .withMessageContaining("enabled: the state says true, the kernel has it detached");
        try (TapDevice second = TapDevice.restoreOlder(older)) {
            first.queue(1).attach(true);
            first.queue(2).attach(false);
            second.refresh();
            assertThat(second.queues()).extracting(TapQueue::attached).containsExactly(true, true, false);
            second.queue(2).attach(true);
            assertThat(Kernel.of(second).queues()).noneMatch(queue -> (queue.flags() & TunTap.IFF_DETACH_QUEUE) != 0);
            assertThat(second.offloads()).isEqualTo(OFFLOADS);
        }
    }

    @Test
    void theNextOwnerHasEverythingAndSetsNothing() throws IOException {
        first.queue(1).attach(false);
        Kernel before = Kernel.of(first);
        try (TapDevice second = TapDevice.restore(passed(first.state()))) {
            assertThat(Kernel.of(first)).isEqualTo(before);
            assertThat(Kernel.of(second)).isEqualTo(before);
            assertThat(second.name()).isEqualTo("tap0");
            assertThat(second.multiQueue()).isTrue();
            assertThat(second.offloads()).isEqualTo(OFFLOADS);
            assertThat(second.probedOffloads()).isEqualTo(first.probedOffloads());
            assertThat(second.state().queues()).usingRecursiveComparison().ignoringFields("fd")
                .isEqualTo(first.state().queues());
            assertChecksumsAreLeftToTheReader(second);
        }
        assertThat(Kernel.of(first)).as("after the new owner has gone").isEqualTo(before);
        assertChecksumsAreLeftToTheReader(first);
    }

    @Test
    void whatIsAsItShouldBeCostsNoCall() {
        first.queue(1).attach(false);
        Kernel before = Kernel.of(first);
        try (TapDevice second = TapDevice.restore(passed(first.state()))) {
            assertThatNoException().as("the kernel would say EINVAL").isThrownBy(() -> {
                second.queue(0).attach(true);
                second.queue(1).attach(false);
            });
            assertThat(Kernel.of(second)).isEqualTo(before);
        }
    }

    @Test
    void theInterfaceStaysWhenTheFormerOwnerLeaves() throws IOException {
        Kernel before = Kernel.of(first);
        try (TapDevice second = TapDevice.restore(passed(first.state()))) {
            first.close();

            assertThat(namespace.has("tap0")).isTrue();
            assertThat(second.persistent()).isFalse();
            assertThat(Kernel.of(second)).isEqualTo(before);
            assertChecksumsAreLeftToTheReader(second);
        }
        assertThat(namespace.has("tap0")).isFalse();
    }

    @Test
    void aDeviceGoesFromHandToHand() throws IOException {
        Kernel before = Kernel.of(first);
        TapDevice owner = TapDevice.restore(passed(first.state()));
        try (FrameBuffer buffer = new FrameBuffer(2048)) {
            send();
            List<Integer> read = new ArrayList<>();
            for (int hand = 0; hand < 20; hand++) {
                TapDevice next = TapDevice.restore(passed(owner.state()));
                owner.close();
                owner = next;
                for (int i = 0; i < 3; i++) {
                    read.addAll(readAll(owner.queue(i), buffer, FRAMES / 20));
                }
            }
            assertThat(read).doesNotHaveDuplicates().hasSize(FRAMES);
            assertThat(Kernel.of(owner)).isEqualTo(before);
        } finally {
            owner.close();
        }
    }

    @Test
    void aRefusalLeavesTheOffloadsOn() throws IOException {
        TapState wrong = passed(first.state());
        first.queue(2).attach(false);
        assertThatExceptionOfType(TapException.class).isThrownBy(() -> TapDevice.restore(wrong).close())
            .withMessageContaining("queue 2, enabled");
        wrong.queues().forEach(queue -> queue.fd().close());

        assertChecksumsAreLeftToTheReader(first);
        first.setOffloads(0);
        assertFlags(first, 0);
    }

    /** With its offloads on, the reader is given datagrams whose checksum is not done. */
    private void assertChecksumsAreLeftToTheReader(TapDevice device) throws IOException {
        assertFlags(device, 1); // VIRTIO_NET_HDR_F_NEEDS_CSUM
    }

    private void assertFlags(TapDevice device, int flags) throws IOException {
        try (FrameBuffer buffer = new FrameBuffer(2048)) {
            send();
            for (int i = 0; i < 3; i++) {
                long result = buffer.read(device.queue(i));
                if (device.queue(i).attached()) {
                    assertThat(result).isPositive();
                    assertThat(buffer.bytes(result)[0]).as("flags of the header").isEqualTo((byte) flags);
                }
                readAll(device.queue(i), buffer, FRAMES);
            }
        }
    }

    /** Numbered datagrams of many flows, which the kernel spreads over the queues. */
    private void send() throws IOException {
        InetAddress broadcast = InetAddress.getByName("10.79.0.255");
        for (int i = 0; i < FRAMES; i++) {
            byte[] number = ByteBuffer.allocate(4).putInt(i).array();
            socket.send(new DatagramPacket(number, 4, broadcast, FIRST_PORT + i % FLOWS));
        }
    }

    /** Numbers of the frames that wait, at most so many; frames of others are passed over. */
    private static List<Integer> readAll(TapQueue queue, FrameBuffer buffer, int limit) {
        List<Integer> numbers = new ArrayList<>();
        for (long result = 0; result >= 0 && numbers.size() < limit;) {
            result = buffer.read(queue);
            if (result >= 0 && isOurs(buffer.bytes(result))) {
                numbers.add(ByteBuffer.wrap(buffer.bytes(result)).getInt((int) result - 4));
            }
        }
        return numbers;
    }

    private static boolean isOurs(byte[] frame) {
        return IntStream.range(FIRST_PORT, FIRST_PORT + FLOWS).anyMatch(port -> Frames.isUdpTo(frame, port));
    }

    /** The state as another process gets it. */
    static TapState passed(TapState state) {
        List<Fd> fds = Descriptors.passed(state.queues().stream().map(TapQueueState::fd).toList());
        List<TapQueueState> queues = new ArrayList<>();
        for (int i = 0; i < fds.size(); i++) {
            TapQueueState queue = state.queues().get(i);
            queues.add(new TapQueueState(fds.get(i), queue.usingVnetHdr(), queue.hasUfo(), queue.hasUso(),
                queue.hasTunnel(), queue.enabled(), queue.hostVnetHdrLen()));
        }
        return new TapState(queues, state.probedOffloads(), state.offloads());
    }

    /** What the kernel says of a device and its queues. */
    record Kernel(List<TunTap.Iff> queues, List<Integer> statusFlags, int headerBytes, boolean littleEndian, int mtu,
        MacAddress mac, boolean up, int index) {
        static Kernel of(TapDevice device) {
            List<Fd> fds = IntStream.range(0, device.queueCount()).mapToObj(i -> device.queue(i).fd()).toList();
            return new Kernel(fds.stream().map(TunTap::getIff).toList(), fds.stream().map(FileIo::statusFlags).toList(),
                device.headerBytes(), TunTap.isVnetLittleEndian(fds.getFirst()), device.mtu(), device.mac(),
                device.isUp(), device.interfaceIndex());
        }
    }
}
