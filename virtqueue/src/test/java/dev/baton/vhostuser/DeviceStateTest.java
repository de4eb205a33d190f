package dev.baton.vhostuser;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.RawMemory;
import dev.baton.virtqueue.Features;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The back end's state goes through its front end, and a back end that cannot go on with it says so. */
class DeviceStateTest {
    private static final int SAVE = 0;
    private static final int LOAD = 1;

    private static Link negotiated() throws ProtocolException {
        Link link = new Link();
        link.negotiate();
        return link;
    }

    /** Begins a transfer; our end of its channel. */
    private static Fd begin(Link link, int direction) throws ProtocolException {
        try (SharedMemory anyFile = SharedMemory.create(0, 4096)) {
            link.channel.send(Request.SET_DEVICE_STATE_FD, false, Body.u32(direction, 0), anyFile.file());
            link.pump();
            Message reply = link.channel.receiveMessage(Request.SET_DEVICE_STATE_FD);
            assertThat(reply.int64(0)).as("done, and a descriptor comes with it").isZero();
            return reply.takeDescriptor(0);
        }
    }

    private static long check(Link link) throws ProtocolException {
        return link.ask(Request.CHECK_DEVICE_STATE, Body.EMPTY);
    }

    private static byte[] save(Link link) throws ProtocolException {
        try (Fd channel = begin(link, SAVE); Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(4096);
            int length = (int) FileIo.read(channel.value(), bytes.address(), bytes.byteSize());
            assertThat(FileIo.read(channel.value(), bytes.address() + length, 1)).as("its end").isZero();
            byte[] state = new byte[length];
            RawMemory.copyToArray(bytes.address(), state, 0, length);
            return state;
        }
    }

    /** Loads a state; what the back end says of it. */
    private static long load(Link link, byte[] state) throws ProtocolException {
        try (Fd channel = begin(link, LOAD)) {
            write(channel, state);
        }
        return check(link);
    }

    private static void write(Fd channel, byte[] state) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(Math.max(1, state.length));
            RawMemory.copyFromArray(state, 0, bytes.address(), state.length);
            assertThat(FileIo.write(channel.value(), bytes.address(), state.length)).isEqualTo(state.length);
        }
    }

    @Test
    void aStateThatWasSavedIsLoaded() throws ProtocolException {
        Resources before = Resources.now();
        try (Link source = negotiated(); Link destination = negotiated()) {
            byte[] state = save(source);
            assertThat(check(source)).isZero();
            assertThat(load(destination, state)).isZero();
            assertThat(destination.device.refusals).isEmpty();
            assertThat(source.device.events).as("nothing that a guest could see").containsExactly("features");
        }
        assertThat(Resources.now()).isEqualTo(before);
    }

    @Test
    void aBackEndThatOffersLessSaysSo() throws ProtocolException {
        RecordingDevice less = new RecordingDevice();
        less.features &= ~Features.MRG_RXBUF;
        try (Link source = negotiated(); Link destination = new Link(less)) {
            destination.negotiate();
            assertThat(load(destination, save(source))).isNotZero();
            assertThat(less.refusals).singleElement().asString().contains("MRG_RXBUF");
            assertThat(destination.ask(Request.GET_FEATURES, Body.EMPTY)).as("the session goes on").isNotZero();
        }
    }

    @Test
    void everyBitOfAStateCounts() throws ProtocolException {
        try (Link source = negotiated(); Link destination = negotiated()) {
            byte[] state = save(source);
            for (int bit = 0; bit < 8 * state.length; bit++) {
                byte[] bad = state.clone();
                bad[bit / 8] ^= (byte) (1 << bit % 8);
                assertThat(load(destination, bad)).as("bit %d", bit).isNotZero();
            }
            assertThat(load(destination, state)).isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 35, 37, 100_000})
    void aStateOfAnotherLengthIsNone(int length) throws ProtocolException {
        try (Link source = negotiated(); Link destination = negotiated()) {
            assertThat(load(destination, Arrays.copyOf(save(source), length))).isNotZero();
            assertThat(destination.device.refusals).singleElement().asString().contains("no state of a Baton");
        }
    }

    /** The other end may be kept open for ever. */
    @Test
    void nobodyWaitsForAStateThatDoesNotEnd() throws ProtocolException {
        Resources before = Resources.now();
        try (Link source = negotiated(); Link destination = negotiated()) {
            byte[] state = save(source);
            try (Fd channel = begin(destination, LOAD)) {
                assertThat(check(destination)).as("not a byte").isNotZero();
                assertThat(channel.isOpen()).isTrue();
            }
            try (Fd channel = begin(destination, LOAD)) {
                FileIo.setNonBlocking(channel, false);
                write(channel, state);
                assertThat(check(destination)).as("no end").isNotZero();
            }
            assertThat(destination.device.refusals).extracting(Throwable::getMessage)
                .containsOnly("invalid-value: device state: whoever wrote it has not closed the channel");
            assertThat(check(destination)).as("the transfer is over").isNotZero();
        }
        assertThat(Resources.now()).isEqualTo(before);
    }

    @Test
    void nobodyNeedsToReadAStateThatIsSaved() throws ProtocolException {
        Resources before = Resources.now();
        try (Link link = negotiated()) {
            for (int i = 0; i < 100; i++) {
                begin(link, SAVE).close();
            }
            assertThat(check(link)).isZero();
            assertThat(check(link)).as("once").isNotZero();
            begin(link, LOAD).close();
        }
        assertThat(Resources.now()).isEqualTo(before);
    }

    @ParameterizedTest
    @CsvSource({"2,0", "-1,0", "0,1", "1,-1"})
    void otherDirectionsAndPhasesAreRefused(int direction, int phase) throws ProtocolException {
        try (Link link = negotiated()) {
            assertRefused(link, direction, phase);
        }
    }

    @Test
    void aDeviceThatRunsHasNoState() throws ProtocolException {
        try (Link link = Link.running()) {
            assertRefused(link, SAVE, 0);
            link.stopRing(0);
            assertRefused(link, LOAD, 0);
            link.stopRing(1);
            assertThat(save(link)).hasSize(DeviceState.BYTES);
        }
    }

    private static void assertRefused(Link link, int direction, int phase) throws ProtocolException {
        link.channel.send(Request.SET_DEVICE_STATE_FD, false, Body.u32(direction, phase), link.memory.file());
        link.pump();
        Message reply = link.channel.receiveMessage(Request.SET_DEVICE_STATE_FD);
        assertThat(reply.int64(0) & 0xFF).isNotZero();
        assertThat(reply.int64(0) & 0x100).as("no descriptor").isNotZero();
        assertThat(reply.descriptors()).isEmpty();
        assertThat(link.device.refusals).isNotEmpty();
        assertThat(check(link)).isNotZero();
    }
}
