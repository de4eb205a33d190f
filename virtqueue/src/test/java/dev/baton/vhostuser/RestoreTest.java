package dev.baton.vhostuser;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.Fd;
import dev.baton.ffi.Poll;
import dev.baton.ffi.RawMemory;
import dev.baton.virtqueue.Features;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class RestoreTest {
    private Resources before = Resources.now();

    @BeforeEach
    void count() {
        before = Resources.now();
    }

    @AfterEach
    void nothingIsLeft() {
        assertThat(Resources.now()).isEqualTo(before);
    }

    private static void usedIndex(Link link, int ring, int index) {
        RawMemory.putShort(link.rings.get(ring).layout().usedRing() + 2, (short) index);
    }

    @Test
    void runningRingsGoOnWhereTheirUsedRingsStand() throws ProtocolException {
        try (Link link = Link.running()) {
            RecordingDevice first = link.device;
            link.tell(Request.SET_VRING_ENABLE, Body.u32(1, 0));
            first.events.clear();
            usedIndex(link, 0, 65533);
            link.handOver(new RecordingDevice());
            assertThat(link.device.events).containsExactly("features", "start 0 enabled", "start 1 disabled");
            Ring ring = link.device.ring(0);
            assertThat(ring.features()).isEqualTo(RecordingDevice.FEATURES);
            assertThat(ring.state().lastAvailIdx()).isEqualTo(65533);
            assertThat(ring.state().usedIdx()).isEqualTo(65533);
            assertThat(ring.layout().size()).isEqualTo(Link.RING_SIZE);
            link.rings.get(0).kick().signal();
            assertThat(Objects.requireNonNull(ring.kick()).drain()).isEqualTo(1);
            RawMemory.putLong(link.memory.hostAddress() + 5000, 4711);
            assertThat(RawMemory.getLong(ring.memory().translate(link.memory.guestAddress() + 5000, 8)))
                .isEqualTo(4711);
            assertThat(first.events).as("let go without a word").isEmpty();
            assertThat(first.disconnected).isFalse();
        }
    }

    @Test
    void frontEndGoesOnAsIfNothingHadHappened() throws ProtocolException {
        try (Link link = Link.running(); SharedMemory more = SharedMemory.create(0x9000_0000L, 8192)) {
            link.tell(Request.SET_STATUS, Body.u64(7));
            link.handOver(new RecordingDevice());
            link.device.events.clear();
            link.acknowledged = true;
            assertThat(link.ask(Request.GET_STATUS, Body.EMPTY)).isEqualTo(7);
            assertThat(link.tell(Request.SET_FEATURES,
                Body.u64(RecordingDevice.FEATURES | ProtocolFeatures.F_PROTOCOL_FEATURES))).isZero();
            assertThat(link.tell(Request.ADD_MEM_REG, Body.slot(link.memory), link.memory.file())).isZero();
            assertThat(link.device.events).as("said again, known already").isEmpty();
            assertThat(link.tell(Request.SET_VRING_ENABLE, Body.u32(0, 0))).isZero();
            assertThat(link.tell(Request.SET_VRING_CALL, Body.u64(1), link.rings.get(1).call().fd())).isZero();
            assertThat(link.tell(Request.SET_MEM_TABLE, Body.table(more, link.memory), more.file(),
                link.memory.file())).isZero();
            link.device.progress = 9;
            assertThat(link.stopRing(0)).isEqualTo(9);
            usedIndex(link, 0, 9);
            link.startRing(0);
            assertThat(link.tell(Request.RESET_DEVICE, Body.EMPTY)).isZero();
            assertThat(link.device.events).containsExactly("disable 0", "call 1", "memory 2 regions, 2 rings",
                "stop 0", "start 0 disabled", "call 0", "stop 0", "stop 1", "reset");
            assertThat(link.device.refusals).isEmpty();
        }
    }

    /** A driver of packed virtqueues has left them there; the next one has another format, and has not come so far. */
    @Test
    void stoppedRingMayStandWhereNoneCanStart() throws ProtocolException {
        try (Link link = new Link(packedDevice())) {
            link.ask(Request.GET_FEATURES, Body.EMPTY);
            link.tell(Request.SET_FEATURES, Body.u64(Features.VERSION_1 | Features.RING_PACKED));
            link.tell(Request.SET_VRING_NUM, Body.u32(0, 16));
            link.tell(Request.SET_VRING_BASE, Body.u32(0, 0x7fff));
            link.tell(Request.SET_VRING_NUM, Body.u32(1, 100));
            link.handOver(packedDevice());
            link.tell(Request.SET_FEATURES, Body.u64(Features.VERSION_1));
            link.tell(Request.SET_VRING_BASE, Body.u32(0, 0));
            link.handOver(packedDevice());
            assertThat(link.ask(Request.GET_FEATURES, Body.EMPTY)).isNotZero();
        }
    }

    private static RecordingDevice packedDevice() {
        RecordingDevice device = new RecordingDevice();
        device.features |= Features.RING_PACKED;
        return device;
    }

    @Test
    void messageIsHandedOverAfterEachOfItsBytes() throws ProtocolException {
        List<Integer> lengths;
        try (Link probe = Link.running(); SharedMemory spare = SharedMemory.create(0x1000_0000, 4096)) {
            lengths = Sample.all(probe, spare).stream().map(sample -> sample.bytes().length).toList();
        }
        int handovers = 0;
        for (int i = 0; i < lengths.size(); i++) {
            List<String> whole = eventsOf(i, 0);
            for (int prefix = 1; prefix < lengths.get(i); prefix++) {
                assertThat(eventsOf(i, prefix)).as("request %d after %d bytes", i, prefix).isEqualTo(whole);
                handovers++;
            }
        }
        assertThat(handovers).isGreaterThan(12 * lengths.size());
    }

    /** What the device is told by a message; another owner takes over after so many bytes of it, 0 for none. */
    private static List<String> eventsOf(int request, int prefix) throws ProtocolException {
        try (Link link = Link.running(); SharedMemory spare = SharedMemory.create(0x1000_0000, 4096)) {
            Sample sample = Sample.all(link, spare).get(request);
            byte[] message = FrontEndChannel.encode(sample.request().code(), true, sample.body());
            if (sample.request() == Request.REM_MEM_REG) {
                link.tell(Request.ADD_MEM_REG, sample.body(), spare.file());
            }
            if (sample.request() == Request.SET_INFLIGHT_FD) {
                link.stopRing(0);
                link.stopRing(1);
            }
            link.channel.send(Arrays.copyOf(message, prefix == 0 ? message.length : prefix), sample.descriptors());
            link.device.events.clear();
            assertThat(link.pump()).isTrue();
            if (prefix != 0) {
                assertThat(link.device.events).isEmpty();
                link.handOver(new RecordingDevice());
                link.device.events.clear();
                link.channel.send(Arrays.copyOfRange(message, prefix, message.length));
                assertThat(link.pump()).isTrue();
            }
            long answer = link.channel.receive(sample.request());
            assertThat(sample.request().replies() || answer == 0).as("%s is answered", sample).isTrue();
            return List.copyOf(link.device.events);
        }
    }

    @Test
    void ringsThatDoNotRunYetAreNotForgotten() throws ProtocolException {
        try (Link link = new Link()) {
            FrontEndRing ring = link.rings.get(0);
            link.tell(Request.SET_VRING_ENABLE, Body.u32(0, 1));
            link.tell(Request.SET_VRING_KICK, Body.u64(0), ring.kick().fd());
            link.tell(Request.SET_VRING_ERR, Body.u64(1), ring.call().fd());
            link.handOver(new RecordingDevice());
            assertThat(link.device.events).as("nothing was acked, nothing runs").isEmpty();
            link.negotiate();
            link.tell(Request.SET_VRING_ADDR, Body.addresses(ring));
            link.handOver(new RecordingDevice());
            link.tell(Request.SET_VRING_NUM, Body.u32(0, Link.RING_SIZE));
            link.handOver(new RecordingDevice());
            assertThat(link.device.events).containsExactly("features");
            link.shareMemory();
            assertThat(link.device.events).containsExactly("features", "start 0 enabled");
            assertThat(link.device.ring(0).kick()).isNotNull();
            link.handOver(new RecordingDevice());
            link.startRing(1);
            assertThat(link.device.ring(1).err()).isNotNull();
        }
    }

    @Test
    void stoppedRingStaysStopped() throws ProtocolException {
        try (Link link = Link.running()) {
            link.device.progress = 5;
            link.stopRing(0);
            link.handOver(new RecordingDevice());
            assertThat(link.device.running).containsOnlyKeys(1);
            link.shareMemory();
            assertThat(link.device.running).containsOnlyKeys(1);
            assertThat(link.stopRing(0)).isEqualTo(5);
        }
    }

    @Test
    void withoutProtocolFeaturesADisabledRingStaysDisabled() throws ProtocolException {
        RecordingDevice device = new RecordingDevice();
        device.protocolFeatures = 0;
        try (Link link = new Link(device)) {
            link.negotiate();
            link.shareMemory();
            link.startRing(0);
            link.startRing(1);
            link.tell(Request.SET_VRING_ENABLE, Body.u32(1, 0));
            RecordingDevice successor = new RecordingDevice();
            successor.protocolFeatures = 0;
            link.handOver(successor);
            assertThat(successor.events).containsExactly("features", "start 0 enabled", "start 1 disabled");
        }
    }

    @Test
    void messagesThatNobodyHasReadYetAreTheSuccessors() throws ProtocolException {
        try (Link link = Link.running()) {
            link.channel.send(Request.SET_VRING_ENABLE, false, Body.u32(0, 0));
            link.channel.send(Request.SET_VRING_CALL, false, Body.u64(0), link.rings.get(0).call().fd());
            link.handOver(new RecordingDevice());
            link.device.events.clear();
            link.pump();
            assertThat(link.device.events).containsExactly("disable 0", "call 0");
        }
    }

    @Test
    void successorThatWasNeverNeededLeavesNoTrace() throws Exception {
        try (Link link = Link.running()) {
            FrontEndRing ring = link.rings.get(0);
            RawMemory.fill(link.memory.hostAddress(), Link.MEMORY_BYTES / 2, (byte) 3);
            usedIndex(link, 0, 3);
            byte[] guest = bytes(link.memory);
            ring.kick().signal();
            RecordingDevice spare = new RecordingDevice();
            BackendConnection prepared = BackendConnection.restore(link.backEnd.socket().duplicate(), spare,
                States.duplicate(link.backEnd.state()));
            assertThat(spare.events).contains("start 0 enabled");
            prepared.abandon();
            prepared.abandon();
            prepared.close();
            assertThat(prepared.onReadable()).isFalse();
            assertThat(spare.stops).isZero();
            assertThat(spare.disconnected).isFalse();
            assertThat(bytes(link.memory)).isEqualTo(guest);
            assertThat(position(link.memory.file())).isZero();
            assertThat(ring.kick().drain()).isEqualTo(1);
            assertThat(ring.call().drain()).isZero();
            assertThat(Poll.await(link.channel.socket(), Poll.IN, 0)).as("nothing was sent").isZero();
            assertThat(link.tell(Request.SET_VRING_ENABLE, Body.u32(0, 0))).isZero();
            assertThat(link.stopRing(0)).isZero();
            assertThat(link.device.events).containsExactly("disable 0", "stop 0");
        }
    }

    private static byte[] bytes(SharedMemory memory) {
        byte[] all = new byte[(int) Link.MEMORY_BYTES];
        RawMemory.copyToArray(memory.hostAddress(), all, 0, all.length);
        return all;
    }

    private static long position(Fd file) throws IOException {
        return Files.readAllLines(Path.of("/proc/self/fdinfo/" + file.value())).stream()
            .filter(line -> line.startsWith("pos:")).mapToLong(line -> Long.parseLong(line.substring(4).strip()))
            .findFirst().orElseThrow();
    }
}
