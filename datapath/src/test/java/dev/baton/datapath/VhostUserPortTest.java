package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.baton.ffi.EventFd;
import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.RawMemory;
import dev.baton.ffi.UnixSocket;
import dev.baton.vhostuser.FrontEnd;
import dev.baton.vhostuser.ProtocolException;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.VirtioNetHeader;
import dev.baton.virtqueue.VirtqueueDriver;
import dev.baton.virtqueue.VirtqueueLayout;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Guests at the other end of real vhost-user sockets: they come, go, and break the rules. */
@Timeout(60)
class VhostUserPortTest {
    @TempDir
    private Path folder;

    private Datapath datapath = Datapath.launch(DatapathConfig.defaults().withName("test"));

    @AfterEach
    void close() {
        datapath.close();
    }

    private VhostUserPort port(String name) {
        return datapath.add(VhostUserPortConfig.listen(name, folder.resolve(name)).withQueuePairs(2));
    }

    @ParameterizedTest
    @ValueSource(longs = {0, Features.MRG_RXBUF, Features.EVENT_IDX | Features.INDIRECT_DESC, TestGuest.FEATURES,
        Features.RING_PACKED, TestGuest.PACKED, TestGuest.PACKED | Features.IN_ORDER})
    void twoGuestsExchangeFramesWithoutLoss(long features) throws ProtocolException {
        VhostUserPort a = port("a");
        VhostUserPort b = port("b");
        datapath.wire(a, b);
        try (TestGuest one = TestGuest.connect(a.socketPath(), 2, features | Features.VERSION_1);
             TestGuest two = TestGuest.connect(b.socketPath(), 2, TestGuest.FEATURES)) {
            exchange(one, two, 0, 5_000);
            exchange(two, one, 1, 5_000);
        }
        Patience.counted(5_000, () -> stats("a").rx().frames());
        Patience.counted(5_000, () -> stats("b").tx().frames());
        assertThat(stats("b").tx().drops()).isZero();
        assertThat(datapath.counters().agents()).anyMatch(agent -> agent.frames() > 0 && agent.busyNs() > 0);
    }

    /** VIRTIO_F_IN_ORDER (virtio 1.2, 2.7.9), whether a frame is plain, in pieces, too short or dropped. */
    @ParameterizedTest
    @ValueSource(longs = {TestGuest.FEATURES, TestGuest.PACKED})
    void chainsAreUsedInTheOrderInWhichTheyWereMadeAvailable(long features) throws ProtocolException {
        VhostUserPort a = port("a");
        VhostUserPort b = port("b");
        datapath.wire(a, b);
        try (TestGuest one = TestGuest.connect(a.socketPath(), 1, features | Features.IN_ORDER);
             TestGuest two = TestGuest.connect(b.socketPath(), 1, features | Features.IN_ORDER)) {
            assertThat(one.features & two.features & Features.IN_ORDER).isNotZero();
            VirtqueueDriver driver = one.transmitq(0);
            long frame = one.memory.allocate(4096, 64);
            VirtioNetHeader.plain(frame);
            List<Integer> available = new ArrayList<>();
            for (int length : new int[] {60, 1, 100, 3000, 60, 2, 1514, 60}) {
                available.add(driver.addReadable(one.memory.guestOf(frame), VirtioNetHeader.LENGTH + length));
            }
            driver.publish();
            one.transmitKick(0).signal();
            await(() -> stats("a").rx().frames() + stats("a").rx().drops() == available.size());
            List<Integer> used = new ArrayList<>();
            for (int head = driver.pollUsed(); head >= 0; head = driver.pollUsed()) {
                used.add(head);
            }
            assertThat(used).isEqualTo(available);
            assertThat(stats("a").rx().dropsByReason()).containsEntry("runt", 2L);
            assertThat(stats("b").tx().frames()).isEqualTo(6);
        }
    }

    /** What a front-end would do for VIRTIO_F_RING_RESET (virtio 1.2, 2.6.1): the other rings go on. */
    @Test
    void aRingIsStoppedAloneAndStartsAgainInAnotherSize() throws ProtocolException {
        VhostUserPort a = port("a");
        VhostUserPort b = port("b");
        datapath.wire(a, b);
        try (TestGuest one = TestGuest.connect(a.socketPath(), 2, TestGuest.FEATURES);
             TestGuest two = TestGuest.connect(b.socketPath(), 2, TestGuest.FEATURES)) {
            for (int size : new int[] {16, 256, 64}) {
                for (int ring = 0; ring < 4; ring++) {
                    one.frontEnd.stopRing(ring);
                    exchange(one, two, 1 - ring / 2, 200);
                    exchange(two, one, 1 - ring / 2, 200);
                    one.resetRing(ring, size);
                    exchange(one, two, ring / 2, 200);
                    exchange(two, one, ring / 2, 200);
                }
            }
            assertThat(stats("a").rx().drops() + stats("b").rx().drops() + stats("b").tx().drops()).isZero();
            assertThat(datapath.state(a)).startsWith("connected, 4 of 4 virtqueues running, 4 enabled");
        }
    }

    @Test
    void aGuestThatComesAfterALongQuietIsServed() throws Exception {
        datapath.close();
        datapath = Datapath.launch(DatapathConfig.defaults().withIdleMode(IdleMode.BUSY));
        VhostUserPort a = port("a");
        VhostUserPort b = port("b");
        datapath.wire(a, b);
        Thread.sleep(100);
        try (TestGuest one = TestGuest.connect(a.socketPath(), 2, TestGuest.FEATURES);
             TestGuest two = TestGuest.connect(b.socketPath(), 2, TestGuest.FEATURES)) {
            exchange(one, two, 0, 100);
        }
    }

    private static void exchange(TestGuest from, TestGuest to, int pair, int count) {
        SequencedFrames frames = new SequencedFrames();
        while (frames.received() < count) {
            if (frames.sent() < count) {
                frames.send(from, pair, 60 + (int) frames.sent() % 1400);
            }
            to.receive(pair, frames);
        }
        assertThat(frames.wrong()).isZero();
    }

    @ParameterizedTest
    @EnumSource(SocketMode.class)
    void aGuestThatGoesAndComesAgainIsServedAgain(SocketMode mode) throws ProtocolException {
        Path socket = folder.resolve("vm");
        MemoryPort memory = datapath.add(MemoryPortConfig.named("memory"));
        if (mode == SocketMode.SERVER) {
            datapath.wire(datapath.add(VhostUserPortConfig.listen("vm", socket)), memory);
            for (int i = 0; i < 3; i++) {
                try (TestGuest guest = TestGuest.connect(socket)) {
                    sendAndReceive(guest, memory);
                }
            }
            return;
        }
        datapath.wire(datapath.add(VhostUserPortConfig.connect("vm", socket)), memory);
        try (Fd listener = UnixSocket.listen(socket, UnixSocket.STREAM, 0600, 1)) {
            for (int i = 0; i < 3; i++) {
                try (TestGuest guest = TestGuest.accept(listener)) {
                    sendAndReceive(guest, memory);
                }
            }
        }
    }

    private static void sendAndReceive(TestGuest guest, MemoryPort memory) {
        SequencedFrames frames = new SequencedFrames();
        while (frames.received() < 100) {
            if (frames.sent() < 100) {
                frames.send(guest, 0, 100);
            }
            memory.driver(0).receive(frames, 16);
        }
        assertThat(frames.wrong()).isZero();
    }

    @Test
    void aDisabledTransmitqIsDiscardedAndADisabledReceiveqGetsNothing() throws ProtocolException {
        VhostUserPort a = port("a");
        MemoryPort memory = datapath.add(MemoryPortConfig.named("memory"));
        datapath.wire(a, memory);
        try (TestGuest guest = TestGuest.connect(a.socketPath())) {
            guest.frontEnd.enableRing(1, false);
            SequencedFrames discarded = new SequencedFrames();
            discarded.send(guest, 0, 100);
            await(() -> stats("a").rx().dropsByReason().getOrDefault("ring-disabled", 0L) == 1);
            guest.frontEnd.enableRing(0, false);
            memory.driver(0).send(new byte[100], 0, 100);
            await(() -> stats("a").tx().dropsByReason().getOrDefault("peer-down", 0L) == 1);
            guest.frontEnd.enableRing(0, true);
            guest.frontEnd.enableRing(1, true);
            sendAndReceive(guest, memory);
        }
    }

    /** QEMU hands in an eventfd that it does not listen to, starts the ring, and replaces the eventfd afterwards. */
    @Test
    void aNewCallEventFdIsSignalledForWhatWentToTheOldOne() throws ProtocolException {
        VhostUserPort a = port("a");
        MemoryPort memory = datapath.add(MemoryPortConfig.named("memory"));
        datapath.wire(a, memory);
        try (TestGuest guest = TestGuest.connect(a.socketPath()); EventFd listenedTo = EventFd.create()) {
            memory.driver(0).send(new byte[100], 0, 100);
            await(() -> stats("a").tx().frames() == 1);
            guest.frontEnd.ringCall(0, listenedTo);
            await(() -> listenedTo.drain() > 0);
            SequencedFrames frames = new SequencedFrames();
            guest.receive(0, frames);
            sendAndReceive(guest, memory);
        }
    }

    @Test
    void aFrameThatAsksForAnOffloadNobodyNegotiatedIsDropped() throws ProtocolException {
        VhostUserPort a = port("a");
        VhostUserPort b = port("b");
        datapath.wire(a, b);
        try (TestGuest one = TestGuest.connect(a.socketPath()); TestGuest two = TestGuest.connect(b.socketPath())) {
            long frame = one.memory.allocate(2048, 64);
            VirtioNetHeader.plain(frame);
            VirtioNetHeader.gsoType(frame, VirtioNetHeader.GSO_TCPV4);
            one.transmitq(0).addReadable(one.memory.guestOf(frame), 200);
            one.transmitq(0).publish();
            one.transmitKick(0).signal();
            await(() -> stats("b").tx().dropsByReason().getOrDefault("offload-not-negotiated", 0L) == 1);
            assertThat(two.receive(0, (address, length) -> { })).isZero();
        }
    }

    /** What a hostile driver can put into its transmitq, and the reason under which the queue stops. */
    enum BadRing {
        AVAIL_INDEX_AHEAD, HEAD_OUT_OF_RANGE, ADDRESS_OUTSIDE_MEMORY, WRONG_DIRECTION, FRAME_SHORTER_THAN_HEADER;

        void put(TestGuest guest) {
            VirtqueueLayout layout = guest.rings.get(1).layout();
            VirtqueueDriver driver = guest.transmitq(0);
            long frame = guest.memory.guestOf(guest.memory.allocate(2048, 64));
            switch (this) {
                case AVAIL_INDEX_AHEAD -> RawMemory.putShortRelease(layout.availableRing() + 2, (short) 1000);
                case HEAD_OUT_OF_RANGE -> {
                    RawMemory.putShort(layout.availableRing() + 4, (short) 5000);
                    RawMemory.putShortRelease(layout.availableRing() + 2, (short) 1);
                }
                case ADDRESS_OUTSIDE_MEMORY -> {
                    driver.addReadable(0x7fff_ffff_0000L, 100);
                    driver.publish();
                }
                case WRONG_DIRECTION -> {
                    driver.addWritable(frame, 100);
                    driver.publish();
                }
                case FRAME_SHORTER_THAN_HEADER -> {
                    driver.addReadable(frame, 11);
                    driver.publish();
                }
            }
            guest.transmitKick(0).signal();
        }
    }

    @ParameterizedTest
    @EnumSource(BadRing.class)
    void aBrokenQueueStopsAloneWithANamedReason(BadRing bad) throws ProtocolException {
        VhostUserPort a = port("a");
        VhostUserPort b = port("b");
        datapath.wire(a, b);
        MemoryPort c = datapath.add(MemoryPortConfig.named("c"));
        MemoryPort d = datapath.add(MemoryPortConfig.named("d"));
        datapath.wire(c, d);
        try (TestGuest hostile = TestGuest.connect(a.socketPath(), 2, TestGuest.FEATURES);
             TestGuest other = TestGuest.connect(b.socketPath(), 2, TestGuest.FEATURES)) {
            bad.put(hostile);
            String reason = bad.name().toLowerCase(java.util.Locale.ROOT).replace('_', '-');
            await(() -> stats("a").faultsByReason().getOrDefault(reason, 0L) == 1);
            assertThat(datapath.state(a)).contains("transmitq 0 stopped: " + reason);
            exchange(hostile, other, 1, 500);
            exchange(other, hostile, 0, 500);
            SequencedFrames frames = new SequencedFrames();
            while (frames.received() < 500) {
                frames.send(c.driver(0), 100);
                d.driver(0).receive(frames, 16);
            }
            assertThat(frames.wrong()).isZero();
        }
    }

    @Test
    void aGuestThatCutsItsMemoryShortLosesItsConnectionAndNobodyElseLosesAnything() throws ProtocolException {
        VhostUserPort a = port("a");
        VhostUserPort b = port("b");
        datapath.wire(a, b);
        try (TestGuest hostile = TestGuest.connect(a.socketPath());
             TestGuest other = TestGuest.connect(b.socketPath())) {
            exchange(hostile, other, 0, 500);
            FileIo.truncate(hostile.memory.file(), 0);
            new SequencedFrames().send(other, 0, 100);
            await(() -> stats("a").faultsByReason().getOrDefault("memory-truncated", 0L) == 1);
            assertThat(stats("b").faultsByReason()).isEmpty();
            try (TestGuest next = TestGuest.connect(a.socketPath())) {
                exchange(next, other, 0, 500);
            }
        }
    }

    /** The file of a port that has gone unseen, for somebody removed it, is left to whoever listens there now. */
    @Test
    void aSocketThatSomebodyElseMadeStays() throws IOException {
        VhostUserPort port = port("a");
        Path path = port.socketPath();
        Files.delete(path);
        try (Fd _ = UnixSocket.listen(path, UnixSocket.STREAM, 0600, 1)) {
            datapath.remove(port);
            UnixSocket.connect(path, UnixSocket.STREAM).close();
        }
    }

    @Test
    void badSocketsAreRefusedByASentence() throws IOException {
        Path file = Files.writeString(folder.resolve("file"), "precious");
        assertThatThrownBy(() -> datapath.add(VhostUserPortConfig.listen("x", file)))
            .isInstanceOf(DatapathException.class).hasMessageContaining("port x: socket " + file);
        assertThat(file).hasContent("precious");
        assertThatThrownBy(() -> datapath.add(VhostUserPortConfig.listen("x", folder.resolve("none/x"))))
            .hasMessageContaining("lies in no existing directory");
        assertThatThrownBy(() -> datapath.add(VhostUserPortConfig.listen("x", folder.resolve("x".repeat(108)))))
            .hasMessageContaining("at most 107");
        VhostUserPort first = port("first");
        assertThatThrownBy(() -> datapath.add(VhostUserPortConfig.listen("second", first.socketPath())))
            .hasMessageContaining("another process listens");
        assertThat(datapath.ports()).containsExactly(first);
        datapath.remove(first);
        assertThat(first.socketPath()).doesNotExist();
    }

    @Test
    void garbageOnTheSocketEndsTheConnectionAndIsCounted() throws ProtocolException {
        VhostUserPort a = port("a");
        datapath.wire(a, datapath.add(MemoryPortConfig.named("memory")));
        try (FrontEnd frontEnd = FrontEnd.connect(a.socketPath(), Duration.ofSeconds(20))) {
            frontEnd.channel().send(new byte[64]);
            await(() -> !stats("a").faultsByReason().isEmpty());
        }
        try (TestGuest guest = TestGuest.connect(a.socketPath())) {
            assertThat(datapath.state(a)).startsWith("connected, 2 of 4 virtqueues running, 2 enabled");
            assertThat(guest.features & Features.VERSION_1).isNotZero();
        }
    }

    private PortStats stats(String port) {
        return Objects.requireNonNull(datapath.counters().ports().get(port));
    }

    private static void await(BooleanSupplier condition) {
        while (!condition.getAsBoolean()) {
            LockSupport.parkNanos(1_000_000);
        }
    }
}
