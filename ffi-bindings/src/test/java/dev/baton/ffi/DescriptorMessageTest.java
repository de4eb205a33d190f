package dev.baton.ffi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NoLeaks.class)
@Timeout(60)
class DescriptorMessageTest {
    private static final int[] NONE = {};

    private final Fd[] pair = UnixSocket.pair(UnixSocket.STREAM);
    private final Fd near = pair[0];
    private final Fd far = pair[1];
    private final Mapping memory = Mapping.anonymous(4096);
    private final EventFd event = EventFd.create();
    private final List<Fd> received = new ArrayList<>();
    private final DescriptorMessage.Receiver receiver = new DescriptorMessage.Receiver();

    @AfterEach
    void close() {
        NoLeaks.close(received);
        event.close();
        near.close();
        far.close();
        memory.close();
    }

    private int[] copies(int count) {
        int[] fds = new int[count];
        Arrays.fill(fds, event.fd().value());
        return fds;
    }

    private long receive(int length) {
        return receiver.receive(far, memory.address() + 2048, length, received, 0);
    }

    @Test
    void passesBytesAndDescriptors() {
        RawMemory.putInt(memory.address(), 4711);
        assertThat(DescriptorMessage.send(near, memory.address(), 4, copies(3), 0)).isEqualTo(4);
        assertThat(receive(100)).isEqualTo(4);
        assertThat(RawMemory.getInt(memory.address() + 2048)).isEqualTo(4711);
        assertThat(received).hasSize(3);
        for (Fd fd : received) {
            assertThat(fd.use(number -> Fcntl.fcntl(number, Fcntl.F_GETFD, 0))).isEqualTo(Fcntl.FD_CLOEXEC);
            assertThat(EventFd.signal(fd.value())).isNotNegative();
        }
        assertThat(event.drain()).isEqualTo(3);
    }

    @Test
    void bytesAloneBringNoDescriptor() {
        assertThat(DescriptorMessage.send(near, memory.address(), 4, NONE, 0)).isEqualTo(4);
        assertThat(receive(3)).isEqualTo(3);
        assertThat(receive(3)).isEqualTo(1);
        assertThat(received).isEmpty();
    }

    @Test
    void moreThanOneMessageHoldsIsSplit() {
        RawMemory.putLong(memory.address(), 0x0807060504030201L);
        assertThat(DescriptorMessage.sendAll(near, memory.address(), 8, copies(300))).isEqualTo(8);
        int length = 0;
        while (length < 8) {
            length += (int) receiver.receive(far, memory.address() + 2048 + length, 8 - length, received, 0);
        }
        assertThat(RawMemory.getLong(memory.address() + 2048)).isEqualTo(0x0807060504030201L);
        assertThat(received).hasSize(300);
        received.forEach(fd -> EventFd.signal(fd.value()));
        assertThat(event.drain()).isEqualTo(300);
    }

    @Test
    void oneMessageHolds253() {
        assertThat(DescriptorMessage.send(near, memory.address(), 1, copies(253), 0)).isEqualTo(1);
        assertThat(receive(1)).isEqualTo(1);
        assertThat(received).hasSize(253);
        assertThatThrownBy(() -> DescriptorMessage.send(near, memory.address(), 1, copies(254), 0))
            .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> DescriptorMessage.sendAll(near, memory.address(), 1, copies(254)))
            .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("need 2 bytes");
        assertThatThrownBy(() -> new DescriptorMessage.Receiver(254)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void truncatedControlMessageClosesWhatArrived() throws Exception {
        for (int room : new int[] {0, 1, 2, 7}) {
            DescriptorMessage.Receiver narrow = new DescriptorMessage.Receiver(room);
            DescriptorMessage.send(near, memory.address(), 1, copies(8), 0);
            int before = NoLeaks.count();
            assertThatThrownBy(() -> narrow.receive(far, memory.address(), 1, received, 0))
                .isInstanceOf(TruncatedControlException.class)
                .hasMessageContaining("room for (" + room + ")").hasMessageContaining("closed the " + room);
            assertThat(NoLeaks.count()).isEqualTo(before);
            assertThat(received).isEmpty();
        }
        DescriptorMessage.send(near, memory.address(), 1, copies(8), 0);
        assertThat(new DescriptorMessage.Receiver(8).receive(far, memory.address(), 1, received, 0)).isEqualTo(1);
        assertThat(received).hasSize(8);
    }

    @Test
    void listThatCannotGrowLeavesNothingOpen() throws Exception {
        DescriptorMessage.send(near, memory.address(), 1, copies(5), 0);
        int before = NoLeaks.count();
        assertThatThrownBy(() -> receiver.receive(far, memory.address(), 1, List.of(), 0))
            .isInstanceOf(UnsupportedOperationException.class);
        assertThat(NoLeaks.count()).isEqualTo(before);
    }

    @Test
    void endOfStreamIsZeroAndNothingYetIsEagain() {
        assertThat(receiver.receive(far, memory.address(), 1, received, DescriptorMessage.MSG_DONTWAIT))
            .isEqualTo(-Errno.EAGAIN);
        near.close();
        assertThat(receive(1)).isZero();
        assertThatThrownBy(() -> DescriptorMessage.send(far, memory.address(), 1, NONE, 0))
            .hasMessage("sendmsg: EPIPE (Broken pipe)");
        assertThatThrownBy(() -> DescriptorMessage.sendAll(far, memory.address(), 1, NONE))
            .hasMessageContaining("EPIPE");
    }

    @Test
    void fullSocketIsEagain() {
        long result;
        do {
            result = DescriptorMessage.send(near, memory.address(), 4096, NONE, DescriptorMessage.MSG_DONTWAIT);
        } while (result > 0);
        assertThat(result).isEqualTo(-Errno.EAGAIN);
    }

    @Test
    void closedDescriptorIsRefusedBeforeAnythingIsSent() {
        assertThatThrownBy(() -> DescriptorMessage.send(near, memory.address(), 1, new int[] {-1}, 0))
            .hasMessage("sendmsg: EBADF (Bad file descriptor)");
        assertThat(receiver.receive(far, memory.address(), 1, received, DescriptorMessage.MSG_DONTWAIT))
            .isEqualTo(-Errno.EAGAIN);
    }

    @Test
    void messageNotReceivedIsCleanedUpByTheKernel() {
        DescriptorMessage.send(near, memory.address(), 1, copies(100), 0);
    }
}
