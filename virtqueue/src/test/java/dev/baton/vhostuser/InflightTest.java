package dev.baton.vhostuser;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.MemFd;
import dev.baton.ffi.RawMemory;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.InflightQueue;
import dev.baton.virtqueue.RingFormat;
import dev.baton.virtqueue.VirtqueueDriver;
import dev.baton.virtqueue.VirtqueueLayout;
import java.util.Arrays;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a front end may ask and say of an inflight region, and what a ring makes of it that starts. */
class InflightTest {
    private static final int QUEUES = 4;
    private static final int SPLIT_BYTES = 16 + 16 * Link.RING_SIZE + 48;
    private static final int PACKED_BYTES = 32 + 32 * Link.RING_SIZE + 32;

    private static RecordingDevice device(long more) {
        RecordingDevice device = new RecordingDevice();
        device.features |= more;
        return device;
    }

    /** A session that has negotiated, and no ring runs. */
    private static Link negotiated(long more) throws ProtocolException {
        Link link = new Link(device(more));
        link.negotiate();
        link.shareMemory();
        return link;
    }

    /** Asks by message: the front end's own call waits for an answer, and here one thread is both. */
    private static InflightState ask(Link link, int queues, int queueSize, int bodyBytes) throws ProtocolException {
        byte[] body = Arrays.copyOf(Body.inflight(-1, -1, queues, queueSize), bodyBytes);
        link.channel.send(Request.GET_INFLIGHT_FD, false, body);
        link.pump();
        Message reply = link.channel.receiveMessage(Request.GET_INFLIGHT_FD);
        assertThat(reply.bodyBytes()).isEqualTo(bodyBytes);
        return InflightState.read(reply, reply.takeDescriptor(0));
    }

    private static void give(Link link, InflightState state) throws ProtocolException {
        link.tell(Request.SET_INFLIGHT_FD,
            Body.inflight(state.sizeBytes(), state.fileOffset(), state.queues(), state.queueSize()), state.file());
    }

    private static void start(Link link, int index, int base) throws ProtocolException {
        link.tell(Request.SET_VRING_BASE, Body.u32(index, base));
        link.tell(Request.SET_VRING_NUM, Body.u32(index, Link.RING_SIZE));
        link.tell(Request.SET_VRING_ADDR, Body.addresses(link.rings.get(index)));
        link.tell(Request.SET_VRING_KICK, Body.u64(index), link.rings.get(index).kick().fd());
    }

    /** A packed ring whose driver stands here and has made nothing available. */
    private static void lay(Link link, int index, int position) {
        VirtqueueLayout place = link.rings.get(index).layout();
        VirtqueueDriver.of(new VirtqueueLayout(RingFormat.PACKED, Link.RING_SIZE, place.descriptorTable(),
            place.availableRing(), place.usedRing()), Features.RING_PACKED, position);
    }

    @ParameterizedTest
    @CsvSource({"0," + SPLIT_BYTES, Features.RING_PACKED + "," + PACKED_BYTES})
    void aRegionIsAsLargeAsTheSpecificationSaysAndCannotBeCutShort(long format, int queueBytes)
        throws ProtocolException {
        Resources before = Resources.now();
        try (Link link = negotiated(format)) {
            InflightState region = ask(link, QUEUES, Link.RING_SIZE, InflightState.BODY_BYTES);
            try (Fd file = region.file()) {
                assertThat(region.sizeBytes()).isEqualTo((long) QUEUES * queueBytes).isEqualTo(FileIo.size(file));
                assertThat(region.fileOffset()).isZero();
                assertThat(region.queues()).isEqualTo(QUEUES);
                assertThat(region.queueSize()).isEqualTo(Link.RING_SIZE);
                assertThat(MemFd.seals(file)).isEqualTo(MemFd.F_SEAL_SEAL | MemFd.F_SEAL_GROW | MemFd.F_SEAL_SHRINK);
                assertThat(FileIo.allocatedBytes(file)).as("pages that nobody uses yet").isZero();
            }
        }
        assertThat(Resources.now()).isEqualTo(before);
    }

    @Test
    void aReplyIsPaddedAsTheRequestWas() throws ProtocolException {
        try (Link link = negotiated(0); Fd file = ask(link, 2, 16, InflightState.UNPADDED_BODY_BYTES).file()) {
            assertThat(FileIo.size(file)).isEqualTo(2 * InflightQueue.bytes(RingFormat.SPLIT, 16));
            assertThat(link.kindOf(Request.SET_INFLIGHT_FD, new byte[22], file)).isEqualTo(ErrorKind.BODY_SIZE);
        }
    }

    @ParameterizedTest
    @CsvSource({"0,64", "5,64", "65535,64", "4,0", "4,32769", "4,65535"})
    void aRegionForWhatTheDeviceHasNotIsRefused(int queues, int queueSize) throws ProtocolException {
        String why = "invalid-value: GET_INFLIGHT_FD: " + queues + " queues of " + queueSize
            + ", where 1 to 4 of 1 to 32768 can be";
        try (Link link = negotiated(0)) {
            assertThatThrownBy(() -> ask(link, queues, queueSize, InflightState.BODY_BYTES)).hasMessage(why);
        }
    }

    @ParameterizedTest
    @CsvSource({"1087,0,1", "1088,8192,1", "-1,0,1", "1088,4,1", "1088,-8,1", "8192,4096,1", "2175,0,2",
        "9223372036854775807,4096,1"})
    void aRegionThatIsNotWhereItSaysIsRefused(long bytes, long offset, int queues) throws ProtocolException {
        Resources before = Resources.now();
        try (Link link = negotiated(0); SharedMemory region = SharedMemory.create(0, 8192)) {
            assertThat(link.kindOf(Request.SET_INFLIGHT_FD, Body.inflight(bytes, offset, queues, 64), region.file()))
                .isEqualTo(ErrorKind.MEMORY_REFUSED);
        }
        assertThat(Resources.now()).isEqualTo(before);
    }

    @Test
    void aRegionForMoreThanTheDeviceHasIsRefused() throws ProtocolException {
        try (Link link = negotiated(0); SharedMemory region = SharedMemory.create(0, 8192)) {
            assertThat(link.kindOf(Request.SET_INFLIGHT_FD, Body.inflight(8192, 0, 5, 64), region.file()))
                .isEqualTo(ErrorKind.INVALID_VALUE);
        }
    }

    @Test
    void whatIsNoFileIsRefused() throws ProtocolException {
        try (Link link = negotiated(0)) {
            assertThatThrownBy(() -> link.tell(Request.SET_INFLIGHT_FD, Body.inflight(1088, 0, 1, 64),
                link.rings.get(0).kick().fd()))
                .hasMessage("memory-refused: inflight region: its descriptor is no file");
        }
    }

    @Test
    void noRegionIsTakenWhileARingRuns() throws ProtocolException {
        try (Link link = Link.running(); SharedMemory region = SharedMemory.create(0, 8192)) {
            link.acknowledged = true;
            assertThat(link.tell(Request.SET_INFLIGHT_FD, Body.inflight(1088, 0, 1, 64), region.file())).isNotZero();
            assertThat(link.device.refusals).singleElement().asString().contains("while a ring is running");
            assertThat(link.stopRing(0) + link.stopRing(1)).isZero();
            assertThat(link.tell(Request.SET_INFLIGHT_FD, Body.inflight(1088, 0, 1, 64), region.file())).isZero();
        }
    }

    /** What a front end believes of a packed ring whose back end died is old; where it was told, it is right. */
    @Test
    void theRegionIsBelievedUntilTheFrontEndWasTold() throws ProtocolException {
        try (Link link = negotiated(Features.RING_PACKED)) {
            InflightState region = ask(link, QUEUES, Link.RING_SIZE, InflightState.BODY_BYTES);
            try (Fd file = region.file(); Mapping mapped = Mapping.shared(file, 0, region.sizeBytes())) {
                long queue1 = mapped.address() + PACKED_BYTES;
                give(link, region);
                lay(link, 1, 0x8007);
                start(link, 1, 0x8007);
                assertThat(link.device.ring(1).state().usedIdx()).as("nothing is known yet").isEqualTo(0x8007);
                assertThat(version(queue1)).isOne();
                assertThat(RawMemory.getShort(queue1 + 10)).isEqualTo((short) Link.RING_SIZE);
                assertThat(RawMemory.getLong(queue1 + 16)).as("used, old and wraps").isEqualTo(0x0101_0007_0007L);
                assertThat(RawMemory.getShort(queue1 + 32 + 32 * 5 + 2)).as("the free list").isEqualTo((short) 6);

                Link next = negotiated(Features.RING_PACKED);
                RawMemory.putLong(queue1 + 16, 0x0000_0009_0009L);
                give(next, region);
                start(next, 1, 0x8007);
                assertThat(next.device.ring(1).state().usedIdx()).as("a back end got so far").isEqualTo(9);
                next.device.progress = 3;
                int base = next.stopRing(1);
                assertThat(base & 0xFFFF).isEqualTo(12);
                assertThat(version(queue1)).as("the front end knows").isZero();
                start(next, 1, 0x8000);
                assertThat(next.device.ring(1).state().usedIdx()).as("as in a reset driver").isEqualTo(0x8000);
                next.close();
                assertThat(version(queue1)).as("no front end was told").isOne();
            }
        }
    }

    private static int version(long queue) {
        return RawMemory.getShort(queue + 8);
    }

    /** DPDK and QEMU give it first; whoever gives it before the kick is in time. */
    @Test
    void theRegionMayComeWhenAllElseIsSaid() throws ProtocolException {
        try (Link link = negotiated(Features.RING_PACKED)) {
            InflightState region = ask(link, QUEUES, Link.RING_SIZE, InflightState.BODY_BYTES);
            try (Fd file = region.file(); Mapping mapped = Mapping.shared(file, 0, region.sizeBytes())) {
                RawMemory.putLong(mapped.address() + 8, 0x0040_0001);
                RawMemory.putLong(mapped.address() + 16, 0x0101_0009_0009L);
                link.tell(Request.SET_VRING_BASE, Body.u32(0, 0x8000));
                link.tell(Request.SET_VRING_NUM, Body.u32(0, Link.RING_SIZE));
                link.tell(Request.SET_VRING_ADDR, Body.addresses(link.rings.get(0)));
                give(link, region);
                link.tell(Request.SET_VRING_KICK, Body.u64(0), link.rings.get(0).kick().fd());
                assertThat(link.device.ring(0).state().usedIdx()).isEqualTo(0x8009);
            }
        }
    }

    /** A split ring has its position in guest memory; the region follows it. */
    @Test
    void aSplitRingGoesOnAtItsUsedIndex() throws ProtocolException {
        try (Link link = negotiated(0)) {
            InflightState region = ask(link, QUEUES, Link.RING_SIZE, InflightState.BODY_BYTES);
            try (Fd file = region.file(); Mapping mapped = Mapping.shared(file, 0, region.sizeBytes())) {
                give(link, region);
                RawMemory.putShort(link.rings.get(0).layout().usedRing() + 2, (short) 77);
                start(link, 0, 80);
                assertThat(link.device.ring(0).state().lastAvailIdx()).isEqualTo(77);
                assertThat(RawMemory.getShort(mapped.address() + 14)).isEqualTo((short) 77);
                assertThat(version(mapped.address())).isOne();
            }
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
        8  | 0x00640002         | its inflight region has version 2, features 0x0 and 100 entries, not
        8  | 0x00410001         | its inflight region has version 1, features 0x0 and 65 entries, not
        0  | 0x10               | its inflight region has version 1, features 0x10 and 64 entries, not
        16 | 0x0000004000400000 | its inflight region says 0x40 and 0x0, which is outside a ring of 64
        16 | 0x0000010000000040 | its inflight region says 0x8000 and 0x40, which is outside a ring of 64
        16 | 0x00000000ffffffff | its inflight region says 0xffff and 0xffff, which is outside a ring of 64
        96 | 0x1                | its inflight region says that another back end took chain 2 and never used it, \
        which Baton does not do for it
        """)
    void aRegionThatCannotBeIsRefusedWhenTheRingStarts(int at, String word, String sentence)
        throws ProtocolException {
        try (Link link = negotiated(Features.RING_PACKED)) {
            InflightState region = ask(link, QUEUES, Link.RING_SIZE, InflightState.BODY_BYTES);
            try (Fd file = region.file(); Mapping mapped = Mapping.shared(file, 0, region.sizeBytes())) {
                RawMemory.putLong(mapped.address() + 8, 0x0040_0001);
                RawMemory.putLong(mapped.address() + at, Long.parseUnsignedLong(word.substring(2), 16));
                give(link, region);
                assertThatThrownBy(() -> start(link, 0, 0x8000))
                    .hasMessageStartingWith("ring-refused: ring 0: " + sentence);
                assertThat(link.device.running).isEmpty();
            }
        }
    }

    @Test
    void aRingLargerThanTheRegionIsRefusedAndOneBehindItIsNotTracked() throws ProtocolException {
        try (Link link = negotiated(0)) {
            InflightState region = ask(link, 1, Link.RING_SIZE / 2, InflightState.BODY_BYTES);
            try (Fd file = region.file()) {
                give(link, region);
                assertThat(file.isOpen()).as("it is still the front end's").isTrue();
                start(link, 1, 0);
                assertThat(link.device.ring(1).inflight()).isNull();
                assertThatThrownBy(() -> start(link, 0, 0)).hasMessage("ring-refused: ring 0: a queue size of 64, "
                    + "where the inflight region has room for 32");
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aResetOrAnotherFormatForgetsTheRegion(boolean reset) throws ProtocolException {
        try (Link link = negotiated(Features.RING_PACKED)) {
            InflightState region = ask(link, QUEUES, Link.RING_SIZE, InflightState.BODY_BYTES);
            try (Fd file = region.file()) {
                give(link, region);
                InflightState kept = Objects.requireNonNull(link.backEnd.state().inflight());
                assertThat(FileIo.isSameFile(file, kept.file())).isTrue();
                if (reset) {
                    link.tell(Request.RESET_DEVICE, Body.EMPTY);
                } else {
                    link.tell(Request.SET_FEATURES, Body.u64(RecordingDevice.FEATURES));
                }
                assertThat(link.backEnd.state().inflight()).isNull();
            }
        }
    }

    @Test
    void aRegionThatWasCutShortIsToldFromAnIntactOne() throws ProtocolException {
        try (Link link = negotiated(0); SharedMemory region = SharedMemory.create(0, 4096)) {
            link.tell(Request.SET_INFLIGHT_FD, Body.inflight(1088, 0, 1, 64), region.file());
            link.backEnd.checkMemory();
            FileIo.truncate(region.file(), 0);
            assertThatThrownBy(link.backEnd::checkMemory).isInstanceOf(ProtocolException.class)
                .hasMessageContaining("memory-truncated");
        }
    }

    @Test
    void theRegionGoesToTheNextOwnerUntouched() throws ProtocolException {
        Resources before = Resources.now();
        try (Link link = negotiated(Features.RING_PACKED)) {
            InflightState region = ask(link, QUEUES, Link.RING_SIZE, InflightState.BODY_BYTES);
            try (Fd file = region.file(); Mapping mapped = Mapping.shared(file, 0, region.sizeBytes())) {
                give(link, region);
                start(link, 1, 0x8007);
                RawMemory.putLong(mapped.address() + PACKED_BYTES + 16, 0x0101_0009_0009L);
                RecordingDevice successor = device(Features.RING_PACKED);
                link.handOver(successor);
                assertThat(successor.ring(1).inflight()).isNotNull();
                assertThat(RawMemory.getLong(mapped.address() + PACKED_BYTES + 16)).isEqualTo(0x0101_0009_0009L);
                assertThat(version(mapped.address() + PACKED_BYTES)).isOne();
                link.stopRing(1);
                assertThat(version(mapped.address() + PACKED_BYTES)).isZero();
            }
        }
        assertThat(Resources.now()).isEqualTo(before);
    }

    @Test
    void aRegionThatIsNotInItsFileIsRefusedByTheNextOwner() throws ProtocolException {
        try (Link link = negotiated(0)) {
            RecordingDevice successor = new RecordingDevice();
            SessionState forged = States.withInflight(States.duplicate(link.backEnd.state()),
                new InflightState(1 << 20, 0, QUEUES, Link.RING_SIZE, MemFd.create("short", 4096)));
            assertThatThrownBy(() -> BackendConnection.restore(link.backEnd.socket().duplicate(), successor, forged))
                .hasMessage("memory-truncated: the front-end cut its shared memory short");
        }
    }
}
