package dev.baton.vhostuser;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class SessionStateTest {
    private static final Set<Request> GETTERS = EnumSet.of(Request.GET_FEATURES, Request.GET_PROTOCOL_FEATURES,
        Request.GET_QUEUE_NUM, Request.GET_MAX_MEM_SLOTS, Request.GET_STATUS, Request.GET_INFLIGHT_FD,
        Request.SET_DEVICE_STATE_FD, Request.CHECK_DEVICE_STATE);

    @Test
    void tellsWhatTheFrontEndHasSaid() throws ProtocolException {
        try (Link link = Link.running()) {
            link.tell(Request.SET_STATUS, Body.u64(15));
            link.tell(Request.SET_VRING_NUM, Body.u32(2, 128));
            link.tell(Request.SET_VRING_BASE, Body.u32(2, 77));
            link.tell(Request.SET_VRING_ENABLE, Body.u32(3, 1));
            SessionState state = link.backEnd.state();
            assertThat(state.features()).isEqualTo(RecordingDevice.FEATURES | ProtocolFeatures.F_PROTOCOL_FEATURES);
            assertThat(state.protocolFeatures()).isEqualTo(ProtocolFeatures.IMPLEMENTED);
            assertThat(state.status()).isEqualTo(15);
            assertThat(state.regions()).singleElement().satisfies(region -> {
                assertThat(region.description()).isEqualTo(link.memory.description());
                assertThat(region.file().isOpen()).isTrue();
            });
            assertThat(state.rings()).hasSize(4);
            RingState first = state.rings().getFirst();
            assertThat(first.size()).isEqualTo(Link.RING_SIZE);
            assertThat(first.running()).isTrue();
            assertThat(first.kicked()).isTrue();
            assertThat(first.enabled()).isTrue();
            assertThat(first.kick()).isNotNull();
            assertThat(first.call()).isNotNull();
            assertThat(first.err()).isNull();
            assertThat(state.rings().get(2)).isEqualTo(
                new RingState(128, 77, null, false, false, false, null, null, null));
            assertThat(state.rings().get(3)).isEqualTo(
                new RingState(0, 0, null, false, false, true, null, null, null));
            assertThat(state.partialMessage()).isEmpty();
            assertThat(state.partialDescriptors()).isEmpty();
            assertThat(state.descriptors()).hasSize(1 + 2 * 2);
        }
    }

    @Test
    void tellsTheBeginningOfAMessage() throws ProtocolException {
        try (Link link = Link.running()) {
            byte[] message = FrontEndChannel.encode(Request.SET_MEM_TABLE.code(), false, Body.table(link.memory));
            link.channel.send(Arrays.copyOf(message, 20), link.memory.file());
            link.pump();
            SessionState state = link.backEnd.state();
            assertThat(state.partialMessage()).isEqualTo(Arrays.copyOf(message, 20));
            assertThat(state.partialDescriptors()).hasSize(1);
            link.channel.send(Arrays.copyOfRange(message, 20, message.length));
            link.pump();
            assertThat(link.backEnd.state().partialMessage()).isEmpty();
            assertThat(link.backEnd.state().partialDescriptors()).isEmpty();
        }
    }

    @Test
    void endedConnectionHasNoState() throws ProtocolException {
        Link link = Link.running();
        link.vanish();
        assertThat(link.pump()).isFalse();
        assertThatThrownBy(link.backEnd::state).isInstanceOf(IllegalStateException.class);
        link.backEnd.close();
        assertThatThrownBy(link.backEnd::state).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void generationMovesWithEveryMessageButThoseThatOnlyAsk() throws ProtocolException {
        try (Link link = Link.running(); SharedMemory spare = SharedMemory.create(0x1000_0000, 4096)) {
            for (Sample sample : Sample.all(link, spare)) {
                long before = link.backEnd.generation();
                link.channel.send(sample.bytes(), sample.descriptors());
                link.pump();
                assertThat(link.backEnd.generation() != before).as("%s", sample)
                    .isEqualTo(!GETTERS.contains(sample.request()));
            }
        }
    }

    @Test
    void generationMovesWithEveryPieceOfAMessage() throws ProtocolException {
        try (Link link = Link.running()) {
            for (byte one : FrontEndChannel.encode(Request.GET_STATUS.code(), false, Body.EMPTY)) {
                long before = link.backEnd.generation();
                link.channel.send(new byte[] {one});
                link.pump();
                assertThat(link.backEnd.generation()).isGreaterThan(before);
            }
            long before = link.backEnd.generation();
            link.pump();
            assertThat(link.backEnd.generation()).isEqualTo(before);
        }
    }
}
