package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.baton.ffi.EventFd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.RawMemory;
import dev.baton.vhostuser.FrontEnd;
import dev.baton.vhostuser.FrontEndRing;
import dev.baton.vhostuser.InflightState;
import dev.baton.vhostuser.ProtocolException;
import dev.baton.vhostuser.ProtocolFeatures;
import dev.baton.vhostuser.Request;
import dev.baton.vhostuser.SharedMemory;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.VirtioNetHeader;
import dev.baton.virtqueue.VirtqueueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A front-end does its worst, by messages, memory or eventfds, while two other ports of the same agent exchange
 * sequence-numbered frames: the hostile port suffers, by a named reason, and the others lose nothing.
 *
 * <pre>
 *   hostile front-end ===== h ------ p       one agent, one conductor for all of them
 *                           c ------ d       traffic both ways, every frame accounted for
 * </pre>
 */
@Timeout(120)
class HostileFrontEndTest extends HostilePort {
    @Test
    void itCutsItsMemoryShort() throws ProtocolException {
        try (TestGuest guest = connect()) {
            FileIo.truncate(guest.memory.file(), 0);
            peer.driver(0).send(new byte[100], 0, 100);
            awaitFault("memory-truncated");
        }
        drainPeer();
        theNextGuestIsServed();
    }

    /** Where a ring stands is read from the ring when it starts, or else the agent is the first that touches it. */
    @ParameterizedTest
    @ValueSource(longs = {TestGuest.FEATURES, TestGuest.PACKED, TestGuest.PACKED | Features.IN_ORDER,
        TestGuest.FEATURES & ~Features.EVENT_IDX})
    void itCutsItsMemoryShortBeforeARingStarts(long features) throws ProtocolException {
        try (TestGuest guest = TestGuest.connect(hostile.socketPath(), 1, features)) {
            guest.frontEnd.stopRing(0);
            int base = guest.frontEnd.stopRing(1);
            FileIo.truncate(guest.memory.file(), 0);
            assertThatThrownBy(() -> guest.frontEnd.startRing(guest.rings.get(1), base))
                .isInstanceOf(ProtocolException.class);
            awaitFault("memory-truncated");
        }
        theNextGuestIsServed();
    }

    @ParameterizedTest
    @ValueSource(longs = {TestGuest.FEATURES, TestGuest.PACKED})
    void itCutsItsInflightRegionShort(long features) throws ProtocolException {
        try (TestGuest guest = TestGuest.connect(hostile.socketPath(), 1, features);
             SharedMemory region = SharedMemory.create(0, 1 << 16)) {
            int receive = guest.frontEnd.stopRing(0);
            int transmit = guest.frontEnd.stopRing(1);
            guest.frontEnd.setInflight(new InflightState(1 << 16, 0, 2, TestGuest.SIZE, region.file()));
            guest.frontEnd.startRing(guest.rings.get(0), receive);
            guest.frontEnd.startRing(guest.rings.get(1), transmit);
            FileIo.truncate(region.file(), 0);
            peer.driver(0).send(new byte[100], 0, 100);
            awaitFault("memory-truncated");
        }
        drainPeer();
        theNextGuestIsServed();
    }

    @Test
    void itSharesNoMemory() throws ProtocolException {
        try (FrontEnd frontEnd = FrontEnd.connect(hostile.socketPath(), Duration.ofSeconds(20));
             SharedMemory own = SharedMemory.create(0x10_0000, 1 << 20)) {
            frontEnd.negotiate(TestGuest.FEATURES, ProtocolFeatures.IMPLEMENTED);
            FrontEndRing ring = FrontEndRing.create(0, 256, own);
            frontEnd.startRing(ring);
            frontEnd.enableRing(0, true);
            ring.kick().signal();
            peer.driver(0).send(new byte[100], 0, 100);
            await(() -> stats("h").tx().dropsByReason().getOrDefault("peer-down", 0L) == 1);
            assertThat(datapath.state(hostile)).startsWith("connected, 0 of 2 virtqueues running");
            ring.close();
        }
        theNextGuestIsServed();
    }

    /** Who sends to it need not wait until it has mended its ring. */
    @Test
    void itBreaksItsReceiveq() throws ProtocolException {
        try (TestGuest guest = TestGuest.connect(hostile.socketPath(),
                TestGuest.Shape.of(TestGuest.FEATURES).withOffered(1))) {
            guest.receiveq(0).addWritable(0x7000_0000_0000L, 2048);
            guest.receiveq(0).publish();
            await(() -> {
                peer.driver(0).send(new byte[100], 0, 100);
                return stats("h").tx().dropsByReason().getOrDefault("peer-down", 0L) > 0;
            });
            awaitFault("address-outside-memory");
        }
        drainPeer();
        theNextGuestIsServed();
    }

    /** The same pages at two guest addresses: a receive buffer that is the other ring. */
    @Test
    void itMapsAPageTwice() throws ProtocolException {
        long alias = 0x4000_0000L;
        try (TestGuest guest = connect()) {
            ByteBuffer body = ByteBuffer.allocate(40).order(ByteOrder.LITTLE_ENDIAN);
            body.putLong(0).putLong(alias).putLong(guest.memory.sizeBytes()).putLong(1L << 60).putLong(0);
            guest.frontEnd.channel().send(Request.ADD_MEM_REG, true, body.array(), guest.memory.file());
            assertThat(guest.frontEnd.channel().receive(Request.ADD_MEM_REG)).isZero();
            long ring = guest.rings.get(1).layout().availableRing() - VirtioNetHeader.LENGTH;
            long first = guest.rings.get(0).layout().descriptorTable();
            RawMemory.putLong(first, alias + ring - guest.memory.hostAddress());
            byte[] frame = new byte[60];
            Arrays.fill(frame, (byte) 0xFF);
            peer.driver(0).send(frame, 0, frame.length);
            awaitFault("avail-index-ahead");
        }
        theNextGuestIsServed();
    }

    @Test
    void itChangesDescriptorsAndHeadersWhileTheyAreRead() throws Exception {
        for (int seed = 0; seed < 5; seed++) {
            try (TestGuest guest = connect()) {
                AtomicBoolean done = new AtomicBoolean();
                long before = faults();
                Thread scribbler = scribbler(guest, new Random(seed), done);
                await(() -> {
                    peer.driver(0).send(new byte[100], 0, 100);
                    drainPeer();
                    return faults() > before;
                });
                done.set(true);
                scribbler.join();
                assertThat(datapath.state(hostile)).contains(" stopped: ");
            }
        }
        drainPeer();
        theNextGuestIsServed();
    }

    /** A chain of megabytes: no receiver has room for it where it puts the buffers of a frame together. */
    @Test
    void itSendsAFrameThatIsLongerThanAnyIs() throws ProtocolException {
        try (TestGuest guest = connect()) {
            int pieces = 200;
            long[] addresses = new long[pieces];
            int[] lengths = new int[pieces];
            long piece = guest.memory.allocate(2048, 64);
            VirtioNetHeader.plain(piece);
            Arrays.fill(addresses, guest.memory.guestOf(piece));
            for (int total : new int[] {33, 34, 65, pieces}) {
                Arrays.fill(lengths, 2000);
                guest.transmitq(0).addReadable(addresses, lengths, total);
                guest.transmitq(0).publish();
                guest.transmitKick(0).signal();
                await(() -> guest.transmitq(0).pollUsed() >= 0);
            }
            assertThat(peer.driver(0).receive((address, length) -> { }, 64)).isZero();
            assertThat(stats("h").rx().dropsByReason()).containsEntry("too-long", 4L);
        }
        theNextGuestIsServed();
    }

    private static Thread scribbler(TestGuest guest, Random random, AtomicBoolean done) {
        VirtqueueLayout ring = guest.rings.get(1).layout();
        long frame = guest.memory.allocate(2048, 64);
        return Thread.ofPlatform().start(() -> {
            int available = 0;
            while (!done.get()) {
                long descriptor = ring.descriptorTable() + 16L * random.nextInt(8);
                RawMemory.putLong(descriptor, guest.memory.guestOf(frame) + random.nextInt(64)
                    + (random.nextInt(20_000) == 0 ? 1L << 40 : 0));
                RawMemory.putInt(descriptor + 8, random.nextInt(2000));
                RawMemory.putShort(descriptor + 12, (short) random.nextInt(2));
                RawMemory.putShort(descriptor + 14, (short) random.nextInt(8));
                RawMemory.putLong(frame, random.nextLong());
                RawMemory.putShort(ring.availableRing() + 4 + 2L * random.nextInt(256), (short) random.nextInt(8));
                if (random.nextInt(10) == 0) {
                    available++;
                    RawMemory.putShortRelease(ring.availableRing() + 2, (short) available);
                    guest.transmitKick(0).signal();
                }
            }
        });
    }

    /** Its receiveq is full; what its peer sends waits at the peer, as on any slow receiver. */
    @Test
    void itNeverTakesItsUsedBuffers() throws ProtocolException {
        try (TestGuest guest = connect()) {
            await(() -> !peer.driver(0).send(new byte[100], 0, 100));
            await(() -> stats("h").tx().frames() == 256);
            assertThat(peer.driver(0).inFlight()).isEqualTo(256);
            others.awaitProgress();
            assertThat(stats("h").tx().frames()).isEqualTo(256);
            assertThat(guest.receiveq(0).inFlight()).isEqualTo(256);
        }
        await(() -> peer.driver(0).inFlight() == 0);
        theNextGuestIsServed();
    }

    @Test
    void itKicksAsFastAsItCan() throws Exception {
        try (TestGuest guest = connect()) {
            AtomicBoolean done = new AtomicBoolean();
            Thread kicker = Thread.ofPlatform().start(() -> {
                while (!done.get()) {
                    EventFd.signal(guest.transmitKick(0).fd().value());
                    EventFd.signal(guest.rings.get(0).kick().fd().value());
                }
            });
            for (int i = 0; i < 4; i++) {
                others.awaitProgress();
            }
            done.set(true);
            kicker.join();
        }
        theNextGuestIsServed();
    }

    /** Another front-end of the same conductor is answered meanwhile. */
    @Test
    void itNeverStopsTalking() throws Exception {
        VhostUserPort other = datapath.add(VhostUserPortConfig.listen("o", folder.resolve("o")));
        datapath.wire(other, datapath.add(MemoryPortConfig.named("q")));
        try (TestGuest guest = connect(); TestGuest answered = TestGuest.connect(other.socketPath())) {
            Thread talker = Thread.ofPlatform().start(() -> {
                try {
                    while (true) {
                        guest.frontEnd.channel().send(Request.SET_OWNER, false, new byte[0]);
                    }
                } catch (ProtocolException cutOff) {
                    // What it is here for.
                    return;
                }
            });
            int answers = 0;
            while (talker.isAlive()) {
                answered.frontEnd.channel().send(Request.GET_FEATURES, false, new byte[0]);
                assertThat(answered.frontEnd.channel().receive(Request.GET_FEATURES)).isNotZero();
                answers++;
            }
            assertThat(answers).isPositive();
            awaitFault("too-many-messages");
            assertThat(datapath.state(other)).startsWith("connected, 2 of 2 virtqueues");
        }
        theNextGuestIsServed();
    }
}
