package dev.baton.vhostuser;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.baton.ffi.Fd;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class BadMessageTest {
    private static final int SERVED = 30;

    /** Sends these bytes to a session with two running rings: it must end, with this kind, and leave nothing open. */
    private static void assertEnds(ErrorKind kind, byte[] message, int descriptors) throws ProtocolException {
        Resources before = Resources.now();
        Link link = Link.running();
        Fd[] attached = new Fd[descriptors];
        Arrays.fill(attached, link.memory.file());
        link.channel.send(message, attached);
        assertThatThrownBy(link::pump).isInstanceOfSatisfying(ProtocolException.class, e -> {
            assertThat(e.kind()).isEqualTo(kind);
            assertThat(e.shouldReconnect()).isFalse();
        });
        assertThat(link.device.stops).as("stops before close").isZero();
        assertThat(link.device.events).isEmpty();
        link.close();
        assertThat(link.device.events).containsExactly("stop 0", "stop 1");
        assertThat(link.device.disconnected).isTrue();
        assertThat(Resources.now()).isEqualTo(before);
    }

    private static List<Sample> samples() throws ProtocolException {
        try (Link link = Link.running(); SharedMemory spare = SharedMemory.create(0x1000_0000, 4096)) {
            List<Sample> all = Sample.all(link, spare);
            assertThat(all).hasSize(SERVED).extracting(Sample::request)
                .containsExactlyInAnyOrderElementsOf(
                    Arrays.stream(Request.values()).filter(Request::served).toList());
            return all;
        }
    }

    @Test
    void bodyOfAWrongSizeIsRefusedForEveryRequest() throws ProtocolException {
        for (Sample good : samples()) {
            int fds = good.descriptors().length;
            byte[] longer = Arrays.copyOf(good.body(), good.body().length + 1);
            assertEnds(ErrorKind.BODY_SIZE, FrontEndChannel.encode(good.request().code(), false, longer), fds);
            if (good.body().length > 0) {
                byte[] shorter = Arrays.copyOf(good.body(), good.body().length - 1);
                assertEnds(ErrorKind.BODY_SIZE, FrontEndChannel.encode(good.request().code(), false, shorter), fds);
            }
        }
    }

    @Test
    void tooManyDescriptorsAreRefusedForEveryRequest() throws ProtocolException {
        for (Sample good : samples()) {
            int most = good.request() == Request.SET_MEM_TABLE ? 2 : good.request().maxDescriptors();
            for (int count : new int[] {most + 1, 8, 9, 100}) {
                assertEnds(ErrorKind.DESCRIPTOR_COUNT, good.bytes(), count);
            }
        }
    }

    @Test
    void tooFewDescriptorsAreRefused() throws ProtocolException {
        List<Request> seen = new ArrayList<>();
        for (Sample good : samples()) {
            if (good.descriptors().length > 0) {
                assertEnds(ErrorKind.DESCRIPTOR_COUNT, good.bytes(), good.descriptors().length - 1);
                seen.add(good.request());
            }
        }
        assertThat(seen).containsExactlyInAnyOrder(Request.SET_MEM_TABLE, Request.ADD_MEM_REG,
            Request.SET_INFLIGHT_FD, Request.SET_DEVICE_STATE_FD, Request.SET_LOG_BASE, Request.SET_LOG_FD,
            Request.SET_VRING_KICK, Request.SET_VRING_CALL, Request.SET_VRING_ERR);
        for (int request = 12; request <= 14; request++) {
            byte[] noDescriptor = FrontEndChannel.encode(request, false, Body.u64(1L << 8));
            assertEnds(ErrorKind.DESCRIPTOR_COUNT, noDescriptor, 1);
        }
    }

    @Test
    void descriptorsMayNotBeSpreadOverTheBytesOfAMessage() throws ProtocolException {
        Resources before = Resources.now();
        Link link = Link.running();
        byte[] message = FrontEndChannel.encode(3, false, Body.EMPTY);
        for (byte one : message) {
            link.channel.send(new byte[] {one}, link.memory.file(), link.memory.file());
        }
        assertThatThrownBy(link::pump).hasMessageContaining("more than 8 descriptors");
        link.close();
        assertThat(Resources.now()).isEqualTo(before);
    }

    @Test
    void malformedHeadersAreRefused() throws ProtocolException {
        byte[] good = FrontEndChannel.encode(1, false, Body.EMPTY);
        for (int flags : new int[] {0, 2, 3, 1 | 1 << 2, 1 | 1 << 4, 1 | 1 << 31, -1}) {
            assertEnds(ErrorKind.MALFORMED_HEADER, Body.join(Body.u32(1, flags, 0)), 0);
            assertEnds(ErrorKind.MALFORMED_HEADER, Body.join(Body.u32(1, flags, 0)), 1);
        }
        for (int size : new int[] {4097, Integer.MAX_VALUE, Integer.MIN_VALUE, -1, -12}) {
            assertEnds(ErrorKind.MALFORMED_HEADER, Body.u32(5, 1, size), 1);
            assertEnds(ErrorKind.MALFORMED_HEADER, Body.u32(99, 1, size), 1);
        }
        assertThat(good).containsExactly(Body.u32(1, 1, 0));
    }

    @Test
    void memoryTablesThatContradictThemselvesAreRefused() throws ProtocolException {
        for (int regions : new int[] {0, 1, 3, -1, 0x0800_0001, Integer.MIN_VALUE}) {
            byte[] body = Body.join(Body.u32(regions, 0), new byte[64]);
            assertEnds(ErrorKind.BODY_SIZE, FrontEndChannel.encode(5, false, body), 2);
        }
        byte[] nine = Body.join(Body.u32(9, 0), new byte[9 * 32]);
        assertEnds(ErrorKind.BODY_SIZE, FrontEndChannel.encode(5, false, nine), 8);
    }

    @Test
    void requestsThatAreNotServedAreRefusedByName() throws ProtocolException {
        for (int code = 0; code < 60; code++) {
            Request request = Request.of(code);
            if (request == null || !request.served()) {
                assertEnds(ErrorKind.UNKNOWN_REQUEST, FrontEndChannel.encode(code, false, new byte[20]), 1);
            }
        }
        try (Link link = Link.running()) {
            assertThatThrownBy(() -> link.tell(Request.GET_SHARED_OBJECT, Body.u64(0), link.memory.file()))
                .hasMessage("unknown-request: GET_SHARED_OBJECT is not served");
        }
    }

    @Test
    void requestsOfFeaturesThatAreNotOfferedAreRefused() throws ProtocolException {
        for (Sample good : samples()) {
            if (good.request().protocolFeature() != 0) {
                RecordingDevice device = new RecordingDevice();
                device.protocolFeatures = ProtocolFeatures.REPLY_ACK;
                try (Link link = new Link(device)) {
                    link.negotiate();
                    Fd[] files = new Fd[good.descriptors().length];
                    Arrays.fill(files, link.memory.file());
                    assertThat(link.kindOf(good.request(), good.body(), files)).isEqualTo(ErrorKind.NOT_NEGOTIATED);
                }
            }
        }
    }

    @Test
    void endedConnectionHandlesNothingMore() throws ProtocolException {
        try (Link link = Link.running()) {
            link.channel.send(Body.u32(1, 0, 0));
            assertThatThrownBy(link::pump).isInstanceOf(ProtocolException.class);
            link.channel.send(Request.RESET_DEVICE, false, Body.EMPTY);
            assertThat(link.pump()).isFalse();
            assertThat(link.device.events).isEmpty();
            link.backEnd.close();
            link.backEnd.close();
            assertThat(link.pump()).isFalse();
        }
    }
}
