package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.baton.ffi.FileIo;
import dev.baton.vhostuser.ProtocolException;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.VirtioNetHeader;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a port does that has no far side: guests on real vhost-user sockets send to it, and receive from it. */
@Timeout(60)
class NullPortTest {
    private static final long PLAIN = Features.VERSION_1;
    private static final long PLAIN_PACKED = Features.VERSION_1 | Features.RING_PACKED;
    private static final long LEGACY = TestGuest.LEGACY_FEATURES | Features.ANY_LAYOUT;

    private Datapath datapath = Datapath.launch(DatapathConfig.defaults().withName("test"));

    @AfterEach
    void close() {
        datapath.close();
    }

    private VhostUserPort wired(NullPortConfig config) {
        VhostUserPort guest = datapath.add(VhostUserPortConfig.listen("vm", TestSockets.path("vm")));
        datapath.wire(guest, datapath.add(config));
        return guest;
    }

    @ParameterizedTest
    @ValueSource(longs = {PLAIN, PLAIN_PACKED, TestGuest.FEATURES, TestGuest.PACKED, LEGACY})
    void everyFrameIsCountedAndDropped(long features) throws ProtocolException {
        VhostUserPort vm = wired(NullPortConfig.named("sink"));
        try (TestGuest guest = TestGuest.connect(vm.socketPath(), 1, features)) {
            SequencedFrames frames = new SequencedFrames();
            long bytes = 0;
            while (frames.sent() < 5_000) {
                int length = 60 + (int) frames.sent() % 1400;
                bytes += frames.send(guest, 0, length) ? length : 0;
            }
            await(() -> stats("sink").tx().frames() == 5_000);
            assertThat(stats("sink").tx().bytes()).isEqualTo(bytes);
            assertThat(stats("vm").rx().frames()).isEqualTo(5_000);
            assertThat(stats("vm").rx().bytes()).isEqualTo(bytes);
            assertThat(stats("sink").rx().frames() + stats("vm").tx().frames()).as("it sends nothing").isZero();
            assertThat(stats("vm").rx().drops() + stats("sink").tx().drops()).isZero();
        }
    }

    /** Frames of 64 KiB in many buffers, and of less than an Ethernet header: whatever is in a chain, it is one. */
    @Test
    void aChainIsAFrameHoweverLongItIs() {
        MemoryPort memory = datapath.add(MemoryPortConfig.named("m"));
        datapath.wire(datapath.add(NullPortConfig.named("sink")), memory);
        long bytes = 0;
        for (int i = 0; i < 500; i++) {
            int length = i % 3 == 0 ? MemoryDriver.MAX_FRAME_BYTES : i % 3;
            while (!memory.driver(0).send(new byte[length], 0, length)) {
                Thread.onSpinWait();
            }
            bytes += length;
        }
        await(() -> stats("sink").tx().frames() == 500);
        assertThat(stats("sink").tx().bytes()).isEqualTo(bytes);
        await(() -> memory.driver(0).inFlight() == 0);
    }

    /** Buffers that hold a frame, and mergeable ones of which a frame takes several. */
    @ParameterizedTest
    @CsvSource({"60,2048", "64,76", "61,72", "64,40", "1514,2048", "1514,300", "9014,2048", "9014,1000"})
    void everyByteIsWhatTheGuestReceives(int frameBytes, int bufferBytes) throws ProtocolException {
        for (long features : new long[] {PLAIN, PLAIN_PACKED, TestGuest.FEATURES, TestGuest.PACKED,
            LEGACY}) {
            boolean fits = frameBytes + 12 <= bufferBytes;
            if (fits || (features & Features.MRG_RXBUF) != 0) {
                receives(frameBytes, bufferBytes, features);
            }
        }
    }

    private void receives(int frameBytes, int bufferBytes, long features) throws ProtocolException {
        VhostUserPort vm = wired(NullPortConfig.named("source").withFrameBytes(frameBytes));
        SentFrames expected = new SentFrames(frameBytes, VirtioNetHeader.length(features));
        try (TestGuest guest = TestGuest.connect(vm.socketPath(), features, bufferBytes)) {
            while (expected.received() < 2_000) {
                guest.receive(0, expected);
            }
            assertThat(expected.wrong()).isEmpty();
            int buffers = (frameBytes + 12 + bufferBytes - 1) / bufferBytes;
            long filled = expected.received() + TestGuest.SIZE / buffers;
            await(() -> stats("vm").tx().frames() == filled);
            assertThat(stats("source").rx().frames()).as("without buffers it waits").isEqualTo(filled);
            assertThat(stats("source").rx().bytes()).isEqualTo(filled * frameBytes);
            assertThat(stats("vm").tx().bytes()).isEqualTo(filled * frameBytes);
            assertThat(stats("vm").tx().drops()).isZero();
        }
        datapath.remove(vm);
        datapath.remove(Objects.requireNonNull(datapath.port("source")));
    }

    @ParameterizedTest
    @EnumSource(IdleMode.class)
    void aGuestThatStopsAndGoesOnIsNotForgotten(IdleMode mode) throws ProtocolException {
        datapath.close();
        datapath = Datapath.launch(DatapathConfig.defaults().withIdleMode(mode));
        VhostUserPort vm = wired(NullPortConfig.named("both").withFrameBytes(64));
        SentFrames expected = new SentFrames(64);
        try (TestGuest guest = TestGuest.connect(vm.socketPath())) {
            long sleeps = datapath.counters().agents().getFirst().sleeps();
            for (int i = 1; i <= 20; i++) {
                long filled = expected.received() + TestGuest.SIZE;
                await(() -> stats("vm").tx().frames() == filled);
                // Long enough for an agent that may sleep to do so.
                LockSupport.parkNanos(2_000_000);
                while (expected.received() < filled) {
                    guest.receive(0, expected);
                }
                long sent = i;
                guest.send(0, new byte[60]);
                await(() -> stats("both").tx().frames() == sent);
            }
            assertThat(expected.wrong()).isEmpty();
            assertThat(datapath.counters().agents().getFirst().sleeps() > sleeps).isEqualTo(mode == IdleMode.ADAPTIVE);
        }
    }

    @Test
    void aFrameThatNoBufferHoldsIsDroppedAndTheNextGuestGetsIts() throws ProtocolException {
        VhostUserPort vm = wired(NullPortConfig.named("source").withFrameBytes(1514));
        for (int i = 1; i <= 2; i++) {
            long drops = i;
            try (TestGuest guest = TestGuest.connect(vm.socketPath(), PLAIN, 1500)) {
                await(() -> stats("vm").tx().dropsByReason().getOrDefault("too-long", 0L) == drops);
                LockSupport.parkNanos(5_000_000);
                assertThat(guest.receive(0, (address, length) -> { })).isZero();
            }
        }
        assertThat(stats("vm").tx().drops()).as("once for each start of the queue").isEqualTo(2);
        assertThat(stats("source").rx().frames()).isEqualTo(2);
        // 256 buffers of 32 bytes together are shorter too.
        datapath.remove(Objects.requireNonNull(datapath.port("source")));
        datapath.wire(vm, datapath.add(NullPortConfig.named("jumbo").withFrameBytes(9014)));
        try (TestGuest guest = TestGuest.connect(vm.socketPath(), TestGuest.FEATURES, 32)) {
            await(() -> stats("vm").tx().dropsByReason().getOrDefault("too-long", 0L) == 3);
            assertThat(guest.receive(0, (address, length) -> { })).isZero();
        }
        SentFrames expected = new SentFrames(9014);
        try (TestGuest guest = TestGuest.connect(vm.socketPath(), TestGuest.FEATURES, 64)) {
            while (expected.received() < 100) {
                guest.receive(0, expected);
            }
            assertThat(expected.wrong()).isEmpty();
        }
    }

    @Test
    void disabledQueuesAreRespected() throws ProtocolException {
        VhostUserPort vm = wired(NullPortConfig.named("both").withFrameBytes(64));
        SentFrames expected = new SentFrames(64);
        try (TestGuest guest = TestGuest.connect(vm.socketPath())) {
            guest.frontEnd.enableRing(0, false);
            guest.frontEnd.enableRing(1, false);
            await(() -> datapath.state(vm).startsWith("connected, 2 of 2 virtqueues running, 0 enabled"));
            long before = stats("vm").tx().frames();
            while (expected.received() < before) {
                guest.receive(0, expected);
            }
            for (int i = 0; i < 10; i++) {
                assertThat(guest.send(0, new byte[60])).isTrue();
            }
            await(() -> stats("vm").rx().dropsByReason().getOrDefault("ring-disabled", 0L) == 10);
            assertThat(stats("vm").tx().frames()).isEqualTo(before);
            assertThat(stats("both").tx().frames()).isZero();
            guest.frontEnd.enableRing(0, true);
            guest.frontEnd.enableRing(1, true);
            while (expected.received() < before + 1_000) {
                guest.receive(0, expected);
            }
            assertThat(guest.send(0, new byte[60])).isTrue();
            await(() -> stats("both").tx().frames() == 1);
            assertThat(expected.wrong()).isEmpty();
        }
    }

    /** Four pairs of it share the two of the guest: each buffer is filled by one of them. */
    @Test
    void severalQueuePairsShareAReceiveq() {
        MemoryPort memory = datapath.add(MemoryPortConfig.named("m").withQueuePairs(2));
        datapath.wire(memory, datapath.add(NullPortConfig.named("n").withQueuePairs(4).withFrameBytes(100)));
        SentFrames expected = new SentFrames(100);
        while (expected.received() < 20_000) {
            memory.driver(0).receive(expected, 7);
            memory.driver(1).receive(expected, 64);
        }
        assertThat(expected.wrong()).isEmpty();
        await(() -> stats("m").tx().frames() == expected.received() + 2 * 256);
    }

    @Test
    void aGuestThatCutsItsMemoryShortLosesItsConnectionAndTheNextIsServed() throws ProtocolException {
        VhostUserPort vm = wired(NullPortConfig.named("both").withFrameBytes(64));
        try (TestGuest hostile = TestGuest.connect(vm.socketPath())) {
            SentFrames received = new SentFrames(64);
            while (received.received() < 500) {
                hostile.receive(0, received);
            }
            FileIo.truncate(hostile.memory.file(), 0);
            await(() -> stats("vm").faultsByReason().getOrDefault("memory-truncated", 0L) == 1);
        }
        SentFrames received = new SentFrames(64);
        try (TestGuest next = TestGuest.connect(vm.socketPath())) {
            while (received.received() < 500) {
                next.receive(0, received);
            }
        }
        assertThat(received.wrong()).isEmpty();
    }

    @Test
    void whatHasNoVirtqueuesIsRefusedByASentence() {
        NullPort sink = datapath.add(NullPortConfig.named("sink"));
        LoopbackPort loop = datapath.add(LoopbackPortConfig.named("loop"));
        NullPort other = datapath.add(NullPortConfig.named("other").withFrameBytes(64));
        assertThatThrownBy(() -> datapath.wire(sink, loop)).isInstanceOf(DatapathException.class).hasMessage(
            "port sink is a null port, which can be wired to a port with virtqueues alone, not to "
                + "loopback:loop,queues=1");
        assertThatThrownBy(() -> datapath.wire(loop, sink)).hasMessageStartingWith("port sink is a null port");
        assertThatThrownBy(() -> datapath.wire(sink, other)).hasMessageEndingWith("not to null:other,queues=1,send=64");
        assertThat(datapath.wires()).isEmpty();
        assertThatThrownBy(() -> NullPortConfig.named("n").withFrameBytes(59))
            .hasMessage("port n: frames of 59 bytes, not 60 to 9014");
        assertThatThrownBy(() -> NullPortConfig.named("n").withFrameBytes(9015)).hasMessageContaining("9015 bytes");
        assertThatThrownBy(() -> NullPortConfig.named("n").withQueuePairs(129))
            .hasMessage("port n: 129 queue pairs, not 1 to 128");
        assertThatThrownBy(() -> NullPortConfig.named("")).hasMessageContaining("port name");
    }

    @Test
    void theNextOwnerReadsWhatTheOldOneWrote() {
        for (int frameBytes : new int[] {0, 60, 1514, 9014}) {
            NullPortConfig config = NullPortConfig.named("n").withQueuePairs(3).withFrameBytes(frameBytes);
            assertThat(NullPortConfig.parse("n", 3, config.options())).isEqualTo(config);
        }
        for (String options : new String[] {"", "send", "send=", "send=064", "send=59", "send=9015", "send=-1",
            "send=99999999999", "64", "send=64\nsend=64", "Send=off"}) {
            assertThatThrownBy(() -> NullPortConfig.parse("n", 1, options)).isInstanceOf(DatapathException.class);
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
