package dev.baton.vhostuser;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.Fd;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class VanishTest {
    /** Where a front end may go: after each byte of each message. */
    @Test
    void frontEndMayVanishAnywhereInAnyMessage() throws ProtocolException {
        Resources before = Resources.now();
        int requests;
        try (Link probe = Link.running(); SharedMemory spare = SharedMemory.create(0x1000_0000, 4096)) {
            requests = Sample.all(probe, spare).size();
        }
        for (int i = 0; i < requests; i++) {
            int length = 0;
            for (int prefix = 1; prefix == 1 || prefix < length; prefix++) {
                length = vanishAfter(i, prefix);
            }
            assertThat(Resources.now()).as("request %d", i).isEqualTo(before);
        }
    }

    private static int vanishAfter(int request, int prefix) throws ProtocolException {
        Link link = Link.running();
        int length;
        try (SharedMemory spare = SharedMemory.create(0x1000_0000, 4096)) {
            Sample sample = Sample.all(link, spare).get(request);
            byte[] message = sample.bytes();
            length = message.length;
            link.channel.send(Arrays.copyOf(message, prefix), sample.descriptors());
            assertThat(link.pump()).as("%s stalls after %d bytes", sample, prefix).isTrue();
            link.vanish();
            ErrorKind kind = null;
            try {
                link.pump();
            } catch (ProtocolException e) {
                kind = e.kind();
                assertThat(e.shouldReconnect()).isTrue();
            }
            assertThat(kind).as("%s after %d bytes", sample, prefix).isEqualTo(ErrorKind.VANISHED);
        }
        link.backEnd.close();
        assertThat(link.device.events).containsExactly("stop 0", "stop 1");
        assertThat(link.device.disconnected).isTrue();
        return length;
    }

    @Test
    void frontEndThatLeavesBetweenMessagesIsNoError() throws ProtocolException {
        Link link = Link.running();
        link.vanish();
        assertThat(link.pump()).isFalse();
        link.backEnd.close();
        assertThat(link.device.stops).isEqualTo(2);
    }

    @Test
    void lastMessagesOfAFrontEndThatLeavesAreHandled() throws ProtocolException {
        Link link = Link.running();
        link.channel.send(Request.SET_VRING_ENABLE, false, Body.u32(0, 0));
        link.channel.send(Request.SET_STATUS, false, Body.u64(0));
        link.vanish();
        assertThat(link.pump()).isFalse();
        link.backEnd.close();
        assertThat(link.device.events).containsExactly("disable 0", "stop 0", "stop 1");
    }

    @Test
    void messagesThatComeByteByByteAreTheSameMessages() throws ProtocolException {
        Resources before = Resources.now();
        List<String> whole;
        try (Link link = Link.running(); SharedMemory spare = SharedMemory.create(0x1000_0000, 4096)) {
            for (Sample sample : Sample.all(link, spare)) {
                link.channel.send(sample.bytes(), sample.descriptors());
                link.pump();
            }
            whole = List.copyOf(link.device.events);
        }
        try (Link link = Link.running(); SharedMemory spare = SharedMemory.create(0x1000_0000, 4096)) {
            for (Sample sample : Sample.all(link, spare)) {
                byte[] message = sample.bytes();
                for (int i = 0; i < message.length; i++) {
                    // With the last byte rather than the first: they are this message's all the same.
                    Fd[] descriptors = i == message.length - 1 ? sample.descriptors() : new Fd[0];
                    link.channel.send(new byte[] {message[i]}, descriptors);
                    assertThat(link.pump()).isTrue();
                }
            }
            assertThat(link.device.events).isEqualTo(whole).isNotEmpty();
        }
        assertThat(Resources.now()).isEqualTo(before);
    }

    @Test
    void manyMessagesAtOnceAreHandledInTurns() throws ProtocolException {
        try (Link link = Link.running()) {
            for (int i = 0; i < 200; i++) {
                link.channel.send(Request.SET_VRING_ENABLE, false, Body.u32(0, i % 2));
            }
            // A turn may be shorter: it ends when its time is over, too.
            int handled = 0;
            for (int turn = 0; handled < 200; turn++) {
                assertThat(turn).isLessThan(200);
                link.pump();
                assertThat(link.device.events.size()).isBetween(handled + 1, handled + 64);
                handled = link.device.events.size();
            }
            assertThat(handled).isEqualTo(200);
        }
    }
}
