package dev.baton.vhostuser;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.baton.ffi.Fd;
import org.junit.jupiter.api.Test;

class AcknowledgementTest {
    private static boolean silent(Link link) {
        return dev.baton.ffi.Poll.await(link.channel.socket(), dev.baton.ffi.Poll.IN, 0) == 0;
    }

    @Test
    void everyRequestIsAnsweredExactlyOnceWhenItAsks() throws ProtocolException {
        try (Link link = Link.running(); SharedMemory spare = SharedMemory.create(0x1000_0000, 4096)) {
            for (Sample good : Sample.all(link, spare)) {
                link.channel.send(good.request(), true, good.body(), good.descriptors());
                link.pump();
                long answer = link.channel.receive(good.request());
                if (!good.request().replies()) {
                    assertThat(answer).as("%s", good).isZero();
                }
                assertThat(silent(link)).as("%s", good).isTrue();
            }
            assertThat(link.device.refusals).isEmpty();
        }
    }

    @Test
    void nothingIsAnsweredThatDoesNotAsk() throws ProtocolException {
        try (Link link = Link.running(); SharedMemory spare = SharedMemory.create(0x1000_0000, 4096)) {
            for (Sample good : Sample.all(link, spare)) {
                link.channel.send(good.request(), false, good.body(), good.descriptors());
                link.pump();
                assertThat(silent(link)).as("%s", good).isEqualTo(!good.request().replies());
                if (good.request().replies()) {
                    link.channel.receive(good.request());
                }
            }
        }
    }

    @Test
    void flagMeansNothingBeforeItIsNegotiated() throws ProtocolException {
        try (Link link = new Link()) {
            link.channel.send(Request.SET_OWNER, true, Body.EMPTY);
            link.pump();
            assertThat(silent(link)).isTrue();
            link.channel.send(Request.SET_PROTOCOL_FEATURES, true, Body.u64(ProtocolFeatures.REPLY_ACK));
            link.pump();
            assertThat(link.channel.receive(Request.SET_PROTOCOL_FEATURES)).isZero();
        }
    }

    @Test
    void refusedRequestIsAnsweredNoAndTheConnectionGoesOn() throws ProtocolException {
        Resources before = Resources.now();
        try (Link link = Link.running()) {
            link.acknowledged = true;
            Fd file = link.memory.file();
            assertThat(link.tell(Request.SET_BACKEND_REQ_FD, Body.EMPTY, file)).isNotZero();
            assertThat(link.tell(Request.GET_CONFIG, Body.u64(0), file)).isNotZero();
            assertThat(link.tell(Request.NET_SET_MTU, Body.u64(67))).isNotZero();
            assertThat(link.tell(Request.NET_SET_MTU, Body.u64(65536))).isNotZero();
            assertThat(link.tell(Request.NET_SET_MTU, Body.u64(9001))).as("by the device").isNotZero();
            assertThat(link.tell(Request.NET_SET_MTU, Body.u64(9000))).isZero();
            assertThat(link.tell(Request.SET_STATUS, Body.u64(256))).isNotZero();
            assertThat(link.tell(Request.SET_STATUS, Body.u64(-1))).isNotZero();
            assertThat(link.device.refusals).extracting(e -> e.kind().refusal()).containsOnly(true).hasSize(7);
            assertThat(link.device.events).containsExactly("mtu 9001", "mtu 9000");
            assertThat(link.ask(Request.GET_FEATURES, Body.EMPTY)).isNotZero();
        }
        assertThat(Resources.now()).isEqualTo(before);
    }

    @Test
    void refusedRequestThatNobodyWouldHearOfEndsTheConnection() throws ProtocolException {
        try (Link link = Link.running()) {
            assertThat(link.kindOf(Request.NET_SET_MTU, Body.u64(1))).isEqualTo(ErrorKind.INVALID_VALUE);
        }
        try (Link link = Link.running()) {
            // It has a reply of its own, and that has no word for failure.
            link.channel.send(Request.GET_VRING_BASE, true, Body.u32(9, 0));
            assertThatThrownBy(link::pump).isInstanceOf(ProtocolException.class);
            assertThat(silent(link)).isTrue();
        }
    }

    @Test
    void malformedRequestThatAsksIsAnsweredNoBeforeTheEnd() throws ProtocolException {
        try (Link link = Link.running()) {
            link.channel.send(Request.SET_VRING_NUM, true, Body.u64(0, 0));
            assertThatThrownBy(link::pump).isInstanceOf(ProtocolException.class);
            assertThat(link.channel.receive(Request.SET_VRING_NUM)).isNotZero();
            link.backEnd.close();
            assertThatThrownBy(() -> link.channel.receive(Request.SET_VRING_NUM))
                .hasMessageContaining("closed the connection");
        }
    }

    @Test
    void frontEndThatNeverReadsItsRepliesIsCutOff() throws ProtocolException {
        try (Link link = Link.running()) {
            assertThatThrownBy(() -> {
                for (int i = 0; i < 100_000; i++) {
                    link.channel.send(Request.GET_FEATURES, false, Body.EMPTY);
                    link.pump();
                }
            }).isInstanceOfSatisfying(ProtocolException.class,
                e -> assertThat(e.kind()).isEqualTo(ErrorKind.REPLIES_NOT_READ));
        }
    }

    @Test
    void announcementAndStatusArrive() throws ProtocolException {
        try (Link link = Link.running()) {
            link.tell(Request.SEND_RARP, Body.u64(0x0605_0403_0201L));
            assertThat(link.device.events).containsExactly("announce 01:02:03:04:05:06");
            link.tell(Request.SET_STATUS, Body.u64(0x0f));
            assertThat(link.ask(Request.GET_STATUS, Body.EMPTY)).isEqualTo(15);
            assertThat(link.ask(Request.GET_QUEUE_NUM, Body.EMPTY)).isEqualTo(2);
            assertThat(link.ask(Request.GET_MAX_MEM_SLOTS, Body.EMPTY)).isEqualTo(509);
        }
    }
}
