package dev.baton.vhostuser;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.baton.ffi.EventFd;
import dev.baton.ffi.Fd;
import dev.baton.ffi.MemFd;
import dev.baton.ffi.RawMemory;
import dev.baton.virtqueue.ChainBurst;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.GuestMemory;
import dev.baton.virtqueue.MemoryRegion;
import dev.baton.virtqueue.QueueState;
import dev.baton.virtqueue.RingFormat;
import dev.baton.virtqueue.Virtqueue;
import dev.baton.virtqueue.VirtqueueDriver;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RingLifeTest {
    @Test
    void kickMessageStartsARingAndEnableComesLongBefore() throws ProtocolException {
        try (Link link = new Link()) {
            for (int i = 0; i < 18; i++) {
                link.tell(Request.SET_VRING_ENABLE, Body.u32(i % 4, i % 4 < 2 ? 1 : 0));
            }
            link.negotiate();
            link.shareMemory();
            link.startRing(0);
            link.startRing(2);
            assertThat(link.device.events)
                .containsExactly("features", "start 0 enabled", "call 0", "start 2 disabled", "call 2");
            link.tell(Request.SET_VRING_ENABLE, Body.u32(2, 1));
            link.tell(Request.SET_VRING_ENABLE, Body.u32(2, 1));
            link.tell(Request.SET_VRING_ENABLE, Body.u32(0, 0));
            assertThat(link.device.events.subList(5, 7)).containsExactly("enable 2", "disable 0");
            assertThat(link.device.ring(0).features()).isEqualTo(RecordingDevice.FEATURES);
        }
    }

    @Test
    void withoutProtocolFeaturesARingStartsEnabled() throws ProtocolException {
        RecordingDevice device = new RecordingDevice();
        device.protocolFeatures = 0;
        try (Link link = new Link(device)) {
            assertThat(link.ask(Request.GET_FEATURES, Body.EMPTY)).isEqualTo(RecordingDevice.FEATURES);
            link.negotiate();
            link.shareMemory();
            link.startRing(1);
            assertThat(device.events).contains("start 1 enabled");
            assertThat(link.kindOf(Request.GET_PROTOCOL_FEATURES, Body.EMPTY)).isEqualTo(ErrorKind.NOT_NEGOTIATED);
        }
    }

    @Test
    void ringMayBeDescribedInAnyOrder() throws ProtocolException {
        try (Link link = new Link()) {
            FrontEndRing ring = link.rings.get(0);
            link.tell(Request.SET_VRING_KICK, Body.u64(0), ring.kick().fd());
            link.tell(Request.SET_VRING_ADDR, Body.addresses(ring));
            link.negotiate();
            link.tell(Request.SET_VRING_NUM, Body.u32(0, Link.RING_SIZE));
            assertThat(link.device.starts).isZero();
            link.shareMemory();
            assertThat(link.device.events).containsExactly("features", "start 0 disabled");
            assertThat(link.device.ring(0).layout().size()).isEqualTo(Link.RING_SIZE);
        }
    }

    @Test
    void ringWithoutKickDescriptorIsPolled() throws ProtocolException {
        try (Link link = new Link()) {
            link.negotiate();
            link.shareMemory();
            FrontEndRing ring = link.rings.get(0);
            link.tell(Request.SET_VRING_NUM, Body.u32(0, Link.RING_SIZE));
            link.tell(Request.SET_VRING_ADDR, Body.addresses(ring));
            link.tell(Request.SET_VRING_CALL, Body.u64(1L << 8));
            link.tell(Request.SET_VRING_KICK, Body.u64(1L << 8));
            assertThat(link.device.ring(0).kick()).isNull();
            assertThat(link.device.ring(0).call()).isNull();
            link.tell(Request.SET_VRING_KICK, Body.u64(0), ring.kick().fd());
            link.tell(Request.SET_VRING_CALL, Body.u64(0), ring.call().fd());
            link.tell(Request.SET_VRING_ERR, Body.u64(0), ring.call().fd());
            link.tell(Request.SET_VRING_KICK, Body.u64(1L << 8));
            assertThat(link.device.events)
                .containsExactly("features", "start 0 disabled", "kick 0", "call 0", "err 0", "kick 0 none");
        }
    }

    @Test
    void eventFdsOfTheFrontEndReachTheDevice() throws ProtocolException {
        try (Link link = Link.running()) {
            link.rings.get(0).kick().signal();
            EventFd kick = Objects.requireNonNull(link.device.ring(0).kick());
            assertThat(kick.drain()).isEqualTo(1);
            assertThat(kick.fd().value()).isNotEqualTo(link.rings.get(0).kick().fd().value());
        }
    }

    @Test
    void getVringBaseStopsAndTellsWhereTheRingStands() throws ProtocolException {
        try (Link link = Link.running()) {
            link.device.progress = 7;
            assertThat(link.stopRing(0)).isEqualTo(7);
            assertThat(link.stopRing(0)).as("stopped already").isEqualTo(7);
            assertThat(link.device.events).containsExactly("stop 0");
            // As the device would have left it in the used ring.
            RawMemory.putShort(link.rings.get(0).layout().usedRing() + 2, (short) 7);
            link.startRing(0);
            assertThat(link.device.ring(0).state().lastAvailIdx()).isEqualTo(7);
            assertThat(link.device.ring(0).enabled()).isTrue();
        }
    }

    @Test
    void stoppedRingWaitsForAnotherKickMessage() throws ProtocolException {
        try (Link link = Link.running()) {
            link.stopRing(0);
            link.tell(Request.SET_VRING_ADDR, Body.addresses(link.rings.get(0)));
            link.tell(Request.SET_VRING_BASE, Body.u32(0, 3));
            link.tell(Request.SET_VRING_NUM, Body.u32(0, 32));
            link.tell(Request.SET_VRING_ENABLE, Body.u32(0, 0));
            link.shareMemory();
            assertThat(link.device.running).containsOnlyKeys(1);
            assertThat(link.stopRing(0)).isEqualTo(3);
        }
    }

    @Test
    void ringThatAnEarlierBackEndLeftGoesOnAtItsUsedIndex() throws ProtocolException {
        try (Link link = new Link()) {
            link.negotiate();
            link.shareMemory();
            RawMemory.putShort(link.rings.get(0).layout().usedRing() + 2, (short) 65530);
            link.tell(Request.SET_VRING_NUM, Body.u32(0, Link.RING_SIZE));
            link.tell(Request.SET_VRING_BASE, Body.u32(0, 3));
            link.tell(Request.SET_VRING_ADDR, Body.addresses(link.rings.get(0)));
            link.tell(Request.SET_VRING_KICK, Body.u64(0), link.rings.get(0).kick().fd());
            assertThat(link.device.ring(0).state().lastAvailIdx()).isEqualTo(65530);
            assertThat(link.device.ring(0).state().usedIdx()).isEqualTo(65530);
        }
    }

    /**
     * A packed ring in which chains of so many descriptors came and went, and another is there. A front end that was
     * not told says where the ring began; one that was, where it is.
     */
    @ParameterizedTest
    @CsvSource({"1,false", "1,true", "3,true"})
    void packedRingThatAnEarlierBackEndLeftGoesOnInItsPlace(int segments, boolean told) throws ProtocolException {
        RecordingDevice recording = new RecordingDevice();
        recording.features |= Features.RING_PACKED;
        try (Link link = new Link(recording);
                FrontEndRing ring = FrontEndRing.create(RingFormat.PACKED, 0, Link.RING_SIZE, link.memory);
                ChainBurst burst = new ChainBurst(1, 64)) {
            link.negotiate();
            link.shareMemory();
            VirtqueueDriver driver = VirtqueueDriver.of(ring.layout(), recording.features);
            MemoryRegion region = new MemoryRegion(link.memory.guestAddress(), link.memory.sizeBytes(),
                link.memory.userAddress(), link.memory.hostAddress());
            Virtqueue earlier = Virtqueue.of(ring.layout(), GuestMemory.of(List.of(region)), recording.features,
                QueueState.fresh(RingFormat.PACKED));
            long[] addresses = new long[segments];
            int[] lengths = new int[segments];
            Arrays.fill(addresses, link.memory.guestOf(link.memory.allocate(64, 64)));
            Arrays.fill(lengths, 20);
            for (int i = 0; i < Link.RING_SIZE + 5; i++) {
                driver.addReadable(addresses, lengths, segments);
                driver.publish();
                assertThat(earlier.fetchReadable(burst, 1)).isOne();
                earlier.use(burst, 0, 1);
                earlier.publish();
                assertThat(driver.pollUsed()).isNotNegative();
            }
            driver.addReadable(addresses, lengths, segments);
            driver.publish();
            int place = earlier.state().usedIdx();
            link.tell(Request.SET_VRING_NUM, Body.u32(0, Link.RING_SIZE));
            link.tell(Request.SET_VRING_BASE, Body.u32(0, told ? earlier.state().base(RingFormat.PACKED) : 0x80008000));
            link.tell(Request.SET_VRING_ADDR, Body.addresses(ring));
            link.tell(Request.SET_VRING_KICK, Body.u64(0), ring.kick().fd());
            assertThat(link.device.ring(0).state()).isEqualTo(new QueueState(place, place, QueueState.UNSIGNALLED));
        }
    }

    @Test
    void otherAddressesRestartARunningRingInItsPlace() throws ProtocolException {
        try (Link link = Link.running()) {
            link.device.progress = 5;
            link.tell(Request.SET_VRING_ADDR, Body.addresses(link.rings.get(0)));
            assertThat(link.device.events).as("the same addresses").isEmpty();
            FrontEndRing moved = FrontEndRing.create(0, Link.RING_SIZE, link.memory);
            link.tell(Request.SET_VRING_ADDR, Body.addresses(moved));
            assertThat(link.device.events).containsExactly("stop 0", "start 0 enabled");
            assertThat(link.device.ring(0).state().lastAvailIdx()).isEqualTo(5);
            moved.close();
        }
    }

    @Test
    void runningRingKeepsItsSizeAndItsBase() throws ProtocolException {
        try (Link link = Link.running()) {
            link.acknowledged = true;
            assertThat(link.tell(Request.SET_VRING_NUM, Body.u32(0, Link.RING_SIZE))).isZero();
            assertThat(link.tell(Request.SET_VRING_NUM, Body.u32(0, 32))).isNotZero();
            assertThat(link.tell(Request.SET_VRING_BASE, Body.u32(0, 1))).isNotZero();
            assertThat(link.device.refusals).extracting(ProtocolException::kind)
                .containsExactly(ErrorKind.RING_REFUSED, ErrorKind.RING_REFUSED);
            assertThat(link.device.events).isEmpty();
        }
    }

    @Test
    void misshapenRingsAreRefusedByName() throws ProtocolException {
        try (Link link = new Link()) {
            link.negotiate();
            link.shareMemory();
            link.acknowledged = true;
            FrontEndRing ring = link.rings.get(0);
            for (int size : new int[] {0, 3, 65536, -1, 100}) {
                assertThat(link.tell(Request.SET_VRING_NUM, Body.u32(0, size))).as("size %d", size).isNotZero();
            }
            assertThat(link.tell(Request.SET_VRING_BASE, Body.u32(0, 65536))).isNotZero();
            assertThat(link.tell(Request.SET_VRING_ENABLE, Body.u32(0, 2))).isNotZero();
            assertThat(link.tell(Request.SET_VRING_ENABLE, Body.u32(4, 1))).isNotZero();
            assertThat(link.tell(Request.SET_VRING_KICK, Body.u64(4), ring.kick().fd())).isNotZero();
            assertThat(link.tell(Request.SET_VRING_KICK, Body.u64(1L << 9), ring.kick().fd())).isNotZero();
            assertThat(link.tell(Request.SET_VRING_KICK, Body.u64(1L << 32), ring.kick().fd())).isNotZero();
            link.tell(Request.SET_VRING_NUM, Body.u32(0, Link.RING_SIZE));
            long user = link.memory.userAddress();
            long end = user + Link.MEMORY_BYTES;
            long[][] bad = {{user + 1, user + 4096, user + 8192}, {user, user + 4098, user + 8192},
                {user, user + 4096, user + 8193}, {0, user, user}, {user, end - 8, user}, {user, user, end - 2},
                {end - 16, user, user}, {link.memory.hostAddress(), user, user}, {-16, -16, -16}};
            for (long[] a : bad) {
                byte[] body = Body.join(Body.u32(0, 0), Body.u64(a[0], a[1], a[2], 0));
                assertThat(link.tell(Request.SET_VRING_ADDR, body)).isZero();
                assertThat(link.tell(Request.SET_VRING_KICK, Body.u64(0), ring.kick().fd()))
                    .as("%x %x %x", a[0], a[1], a[2]).isNotZero();
                assertThat(link.device.refusals.getLast().kind()).isEqualTo(ErrorKind.RING_REFUSED);
            }
            byte[] logged = Body.join(Body.u32(0, 1), Body.u64(user, user, user, 0));
            assertThat(link.tell(Request.SET_VRING_ADDR, logged)).isNotZero();
            assertThat(link.device.starts).isZero();
            link.acknowledged = false;
            link.startRing(0);
            assertThat(link.device.starts).isEqualTo(1);
        }
    }

    @Test
    void onlyEventFdsAreTakenForKickCallAndErr() throws ProtocolException {
        try (Link link = Link.running(); Fd file = MemFd.create("baton-test", 4096)) {
            link.acknowledged = true;
            for (Request request : new Request[] {
                Request.SET_VRING_KICK, Request.SET_VRING_CALL, Request.SET_VRING_ERR}) {
                assertThat(link.tell(request, Body.u64(0), file)).isNotZero();
            }
            assertThat(link.device.events).isEmpty();
        }
    }

    @Test
    void resetStopsDisablesAndForgetsButKeepsTheMemory() throws ProtocolException {
        try (Link link = Link.running()) {
            link.tell(Request.SET_STATUS, Body.u64(15));
            link.tell(Request.RESET_DEVICE, Body.EMPTY);
            assertThat(link.device.events).containsExactly("stop 0", "stop 1", "reset");
            assertThat(link.ask(Request.GET_STATUS, Body.EMPTY)).isZero();
            link.device.events.clear();
            link.startRing(0);
            assertThat(link.device.events).containsExactly("start 0 disabled", "call 0");
        }
    }

    @Test
    void resetOwnerDisablesAllRings() throws ProtocolException {
        try (Link link = Link.running()) {
            link.tell(Request.RESET_OWNER, Body.EMPTY);
            assertThat(link.device.events).containsExactly("disable 0", "disable 1");
        }
    }

    @Test
    void featuresMayBeSaidAgainButNotChangedWhileRunning() throws ProtocolException {
        try (Link link = Link.running()) {
            long features = RecordingDevice.FEATURES | ProtocolFeatures.F_PROTOCOL_FEATURES;
            link.tell(Request.SET_FEATURES, Body.u64(features));
            assertThat(link.kindOf(Request.SET_FEATURES, Body.u64(features & (features - 1))))
                .isEqualTo(ErrorKind.RING_REFUSED);
        }
        try (Link link = new Link()) {
            assertThat(link.kindOf(Request.SET_FEATURES, Body.u64(1L << 40))).isEqualTo(ErrorKind.INVALID_VALUE);
        }
        try (Link link = new Link()) {
            assertThat(link.kindOf(Request.SET_PROTOCOL_FEATURES, Body.u64(1 << 5))).isEqualTo(ErrorKind.INVALID_VALUE);
        }
    }

    @Test
    void deviceThatFailsEndsTheConnection() throws ProtocolException {
        try (Link link = new Link()) {
            link.negotiate();
            link.shareMemory();
            link.device.failure = new IllegalStateException("no agent");
            assertThatThrownBy(() -> link.startRing(0)).isInstanceOfSatisfying(ProtocolException.class, e -> {
                assertThat(e.kind()).isEqualTo(ErrorKind.DEVICE_FAILED);
                assertThat(e.shouldReconnect()).isTrue();
            }).hasMessageContaining("no agent");
            assertThat(link.pump()).isFalse();
        }
    }

    @Test
    void memoryOfARingThatCannotBeStoppedStaysMapped() throws ProtocolException {
        Link link = Link.running();
        link.device.failsToStop = 0;
        long place = link.device.ring(0).layout().descriptorTable();
        link.vanish();
        assertThatThrownBy(link.backEnd::close).hasMessageContaining("ring 0");
        assertThat(link.device.events).containsExactly("stop 0", "stop 1");
        assertThat(link.device.disconnected).isTrue();
        assertThat(RawMemory.getLong(place)).as("an agent may still be here").isZero();
    }
}
