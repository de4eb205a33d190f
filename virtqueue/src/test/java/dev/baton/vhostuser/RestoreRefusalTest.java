package dev.baton.vhostuser;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.baton.ffi.EventFd;
import dev.baton.ffi.Fd;
import dev.baton.ffi.MemFd;
import dev.baton.virtqueue.Features;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A state is untrusted: what is wrong in it is named, all of it is closed, and the owner that described it goes on. */
class RestoreRefusalTest {
    private static final long ACKED = RecordingDevice.FEATURES | ProtocolFeatures.F_PROTOCOL_FEATURES;
    private static final long PROTOCOL = ProtocolFeatures.IMPLEMENTED;
    private static final long GUEST = 0x9000_0000L;

    private Resources before = Resources.now();
    private Link link = new Link();

    @BeforeEach
    void run() throws ProtocolException {
        link.close();
        before = Resources.now();
        link = Link.running();
    }

    @AfterEach
    void ownerGoesOnAndNothingIsLeft() throws ProtocolException {
        link.acknowledged = true;
        assertThat(link.tell(Request.SET_VRING_ENABLE, Body.u32(0, 0))).isZero();
        assertThat(link.stopRing(0)).isZero();
        assertThat(link.device.events).containsExactly("disable 0", "stop 0");
        link.close();
        assertThat(Resources.now()).isEqualTo(before);
    }

    /** Restores the link's state with something forged in it; returns the refusal. */
    private ProtocolException refusal(UnaryOperator<SessionState> forge, RecordingDevice device) {
        Resources owned = Resources.now();
        SessionState described = States.duplicate(link.backEnd.state());
        SessionState forged = forge.apply(described);
        Fd socket = link.backEnd.socket().duplicate();
        ProtocolException refused = null;
        try {
            BackendConnection.restore(socket, device, forged).close();
        } catch (ProtocolException e) {
            refused = e;
        }
        // What the forger took out of the state is not the connection's to close.
        described.descriptors().forEach(Fd::close);
        assertThat(Resources.now()).isEqualTo(owned);
        assertThat(device.running).isEmpty();
        assertThat(device.disconnected).isFalse();
        return Objects.requireNonNull(refused, "it was taken");
    }

    private void assertRefused(String message, UnaryOperator<SessionState> forge) {
        RecordingDevice device = new RecordingDevice();
        assertThat(refusal(forge, device)).hasMessageContaining(message);
        assertThat(device.events).as("refused before the device is told").isEmpty();
    }

    private void assertRingRefused(String message, UnaryOperator<RingState> forge) {
        assertRefused("ring-refused: ring 1: " + message, state -> States.withRing(state, 1, forge));
    }

    @Test
    void featuresThatTheDeviceDoesNotOffer() {
        assertRefused("invalid-value: features: not offered: " + Features.describe(1L << 40),
            state -> States.withNumbers(state, ACKED | 1L << 40, PROTOCOL, 0));
        assertRefused("invalid-value: protocol features: not offered: PAGEFAULT",
            state -> States.withNumbers(state, ACKED, PROTOCOL | 1L << 8, 0));
        assertRefused("status: 256 is not in 0..255", state -> States.withNumbers(state, ACKED, PROTOCOL, 256));
        assertRefused("status: -1", state -> States.withNumbers(state, ACKED, PROTOCOL, -1));
    }

    @Test
    void featuresThatTheDeviceNoLongerOffers() {
        RecordingDevice poorer = new RecordingDevice();
        poorer.features &= ~Features.MRG_RXBUF;
        assertThat(refusal(state -> state, poorer)).hasMessageContaining(Features.describe(Features.MRG_RXBUF));
        RecordingDevice silent = new RecordingDevice();
        silent.protocolFeatures = 0;
        assertThat(refusal(state -> state, silent)).hasMessageContaining("features: not offered");
    }

    @Test
    void ringsThatCannotBe() {
        assertRefused("ring-refused: 3 rings, where the device has 4",
            state -> States.withRings(state, state.rings().subList(0, 3)));
        assertRefused("0 rings, where", state -> States.withRings(state, List.of()));
        for (int size : new int[] {3, 65536, -1, Integer.MIN_VALUE}) {
            assertRingRefused("queue size " + size, ring -> States.withSize(ring, size));
        }
        assertRingRefused("base 65536 is no 16-bit index", ring -> States.withBase(ring, 65536));
        assertRingRefused("base 4294967295 is no 16-bit index", ring -> States.withBase(ring, -1));
        assertRingRefused("it runs without a size", ring -> States.withSize(ring, 0));
        assertRingRefused("it runs without addresses", ring -> States.withAddresses(ring, null));
        assertRingRefused("a kick eventfd, and it was not kicked", ring -> States.withLife(ring, false, false));
        assertRingRefused("it runs without having been kicked", ring -> States.withEventFds(
            States.withLife(ring, false, true), null, ring.call(), ring.err()));
    }

    @Test
    void runningRingsThatLieNowhere() {
        long user = link.memory.userAddress();
        long end = user + Link.MEMORY_BYTES;
        assertRingRefused("the descriptor table at 0x0 ",
            ring -> States.withAddresses(ring, new RingAddresses(0, user, user)));
        assertRingRefused("the used ring at 0x" + Long.toHexString(end - 8),
            ring -> States.withAddresses(ring, new RingAddresses(user, end - 8, user)));
        assertRingRefused("the available ring at 0xffff",
            ring -> States.withAddresses(ring, new RingAddresses(user, user, -16)));
        assertRingRefused("used ring at 0x",
            ring -> States.withAddresses(ring, new RingAddresses(user, user + 2, user)));
        long table = end - 16L * Link.RING_SIZE;
        assertRingRefused("the descriptor table at 0x" + Long.toHexString(table) + " with 2048 bytes",
            ring -> States.withAddresses(States.withSize(ring, 2 * Link.RING_SIZE),
                new RingAddresses(table, user, user)));
        assertRefused("ring 0: the descriptor table", state -> States.withRegions(state, List.of()));
    }

    @Test
    void eventFdsThatAreNone() throws ProtocolException {
        link.tell(Request.SET_VRING_ERR, Body.u64(1), link.rings.get(1).call().fd());
        link.device.events.clear();
        Supplier<Fd> file = () -> MemFd.create("baton-test", 4096);
        assertRingRefused("kick: /memfd:baton-test", ring -> replaced(ring, file.get(), 0));
        assertRingRefused("call: /memfd:baton-test", ring -> replaced(ring, file.get(), 1));
        assertRingRefused("err: /memfd:baton-test", ring -> replaced(ring, file.get(), 2));
    }

    private static RingState replaced(RingState ring, Fd forged, int place) {
        return States.withEventFds(ring, place == 0 ? forged : ring.kick(), place == 1 ? forged : ring.call(),
            place == 2 ? forged : ring.err());
    }

    @Test
    void regionsThatCannotBe() {
        long user = 0x7000_0000_0000L;
        long[][] bad = {{GUEST, 0, user, 0}, {GUEST, -1, user, 0},
            {GUEST, 4096, user, -4096}, {-4096, 8192, user, 0}, {GUEST, 4096, -4096, 0},
            {link.memory.guestAddress() + 4096, 4096, user, 0}};
        for (long[] region : bad) {
            assertRefused("memory-refused: region 1: region at guest address 0x" + Long.toHexString(region[0]),
                state -> States.plusRegion(state, region[0], region[1], region[2], region[3],
                    MemFd.create("baton-test", 16384)));
        }
        assertRefused("region 1: region at guest address 0x90000000 of 0x1000 bytes: its descriptor is no file",
            state -> States.plusRegion(state, GUEST, 4096, user, 0, EventFd.create().fd()));
        assertRefused("EPERM", state -> {
            Fd sealed = MemFd.create("baton-test", 4096, MemFd.MFD_ALLOW_SEALING);
            MemFd.seal(sealed, MemFd.F_SEAL_WRITE);
            return States.plusRegion(state, GUEST, 4096, user, 0, sealed);
        });
        assertRefused("region 509: region at guest address 0x9", state -> {
            SessionState many = state;
            for (int i = 0; i < 509; i++) {
                many = States.plusRegion(many, GUEST + 8192L * i, 4096, user + 8192L * i, 0,
                    MemFd.create("baton-test", 4096));
            }
            return many;
        });
    }

    /** What only the front end can have done to memory that was shared, whatever it looks like to the kernel. */
    @Test
    void memoryThatTheFrontEndHasSpoilt() {
        for (long[] part : new long[][] {{16385, 0}, {16384, 1}}) {
            assertRefused("memory-truncated: the front-end cut its shared memory short",
                state -> States.plusRegion(state, GUEST, part[0], 0x7000_0000_0000L, part[1],
                    MemFd.create("baton-test", 16384)));
        }
        assertRefused("memory-sealed: the front-end sealed its shared memory", state -> {
            Fd sealed = MemFd.create("baton-test", 4096, MemFd.MFD_ALLOW_SEALING);
            MemFd.seal(sealed, MemFd.F_SEAL_FUTURE_WRITE);
            return States.plusRegion(state, GUEST, 4096, 0x7000_0000_0000L, 0, sealed);
        });
    }

    @Test
    void messagesThatDidNotBeginSo() {
        byte[] header = Body.u32(Request.SET_MEM_TABLE.code(), 1, 8 + 32);
        assertRefused("malformed-header: partial message: SET_MEM_TABLE: version 0",
            state -> States.withPartial(state, Body.u32(5, 0, 40)));
        assertRefused("partial message: SET_MEM_TABLE: unknown flags",
            state -> States.withPartial(state, Body.u32(5, 17, 40)));
        assertRefused("a reply where a request is due", state -> States.withPartial(state, Body.u32(5, 5, 40)));
        assertRefused("a body of 4294967295 bytes", state -> States.withPartial(state, Body.u32(5, 1, -1)));
        assertRefused("body-size: partial message: GET_FEATURES: 12 bytes are not the beginning of a message of 12",
            state -> States.withPartial(state, Body.u32(1, 1, 0)));
        assertRefused("52 bytes are not the beginning of a message of 52",
            state -> States.withPartial(state, Body.join(header, new byte[40])));
        assertRefused("100000 bytes are not", state -> States.withPartial(state, Arrays.copyOf(header, 100_000)));
        assertRefused("descriptor-count: partial message: 1 descriptors came with 0 bytes",
            state -> States.withPartial(state, Body.EMPTY, EventFd.create().fd()));
        assertRefused("9 descriptors came with 12 bytes", state -> States.withPartial(state, header,
            IntStream.range(0, 9).mapToObj(i -> EventFd.create().fd()).toArray(Fd[]::new)));
        assertRefused("status: 300", state -> States.withNumbers(
            States.withPartial(state, header, EventFd.create().fd()), ACKED, PROTOCOL, 300));
    }

    @Test
    void deviceThatFailsIsNamedAndWhatItStartedIsStopped() {
        RecordingDevice device = new RecordingDevice();
        device.failure = new IllegalStateException("no agent");
        device.failsToStart = 1;
        ProtocolException refused = refusal(state -> state, device);
        assertThat(refused.kind()).isEqualTo(ErrorKind.DEVICE_FAILED);
        assertThat(refused).hasMessageContaining("no agent");
        assertThat(device.events).containsExactly("features", "start 0 enabled", "stop 0", "stop 1");
    }

    @Test
    void socketThatIsNone() {
        Resources owned = Resources.now();
        SessionState state = States.duplicate(link.backEnd.state());
        assertThatThrownBy(() -> BackendConnection.restore(MemFd.create("baton-test", 1), new RecordingDevice(), state))
            .isInstanceOf(ProtocolException.class).hasMessageContaining("is no socket");
        assertThat(Resources.now()).isEqualTo(owned);
    }

    @Test
    void memoryOfARingThatTheDeviceKeepsStaysMapped() throws ProtocolException {
        RecordingDevice device = new RecordingDevice();
        device.failure = new IllegalStateException("no agent");
        device.failsToStart = 1;
        device.failsToStop = 0;
        SessionState state = States.duplicate(link.backEnd.state());
        try {
            assertThatThrownBy(() -> BackendConnection.restore(link.backEnd.socket().duplicate(), device, state))
                .hasMessageContaining("no agent")
                .satisfies(e -> assertThat(e.getSuppressed()).hasSize(1));
            assertThat(state.rings().getFirst().kick()).satisfies(
                kick -> assertThat(Objects.requireNonNull(kick).isOpen()).isTrue());
        } finally {
            state.descriptors().forEach(Fd::close);
        }
        link.close();
        Resources now = Resources.now();
        assertThat(now.mappings()).as("an agent may still be there").hasSize(before.mappings().size() + 1);
        before = now;
        link = Link.running();
    }
}
