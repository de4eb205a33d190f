package dev.baton.handover;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.Poll;
import dev.baton.ffi.UnixSocket;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A channel is over the right socket or none, and a peer that says nothing is named. */
@ExtendWith(NoLeaks.class)
class HandoverChannelTest {
    private static final String NEEDED =
        "section channel: it cannot pass descriptors: a handover needs a connected UNIX stream socket";

    @TempDir
    private Path directory;

    /** The JDK keeps a socket of its own from the first channel on that is closed. */
    @BeforeAll
    static void warmUp() throws IOException {
        ServerSocketChannel.open().close();
        SocketChannel.open().close();
    }

    @Test
    void tcpCannotPassDescriptors() throws IOException {
        try (ServerSocketChannel server = ServerSocketChannel.open()) {
            server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            Set<Integer> before = NoLeaks.openDescriptors().keySet();
            try (SocketChannel client = SocketChannel.open(server.getLocalAddress());
                SocketChannel accepted = server.accept()) {
                assertThat(client.isConnected()).isEqualTo(accepted.isConnected());
                Set<Integer> sockets = new TreeSet<>(NoLeaks.openDescriptors().keySet());
                sockets.removeAll(before);
                assertThat(sockets).hasSizeGreaterThanOrEqualTo(2);
                int refused = 0;
                for (int number : sockets) {
                    Fd borrowed = Fd.adopt(number);
                    if (FileIo.isSocket(borrowed)) {
                        assertThat(refusal(borrowed.duplicate())).hasMessage(NEEDED);
                        refused++;
                    }
                    borrowed.release();
                }
                assertThat(refused).as("both sides").isEqualTo(2);
            }
        }
    }

    /** Who holds sections back waits for nobody, and what is sent otherwise comes after them. */
    @Test
    void whatIsHeldComesInOrderAsSoonAsThePeerReads() throws HandoverException {
        int steps = 5_000;
        Fd[] pair = UnixSocket.pair(UnixSocket.STREAM);
        try (HandoverChannel near = HandoverChannel.over(pair[0]);
             HandoverChannel far = HandoverChannel.over(pair[1])) {
            near.hold(() -> {
                for (int i = 0; i < steps; i++) {
                    HandoverMessages.sendStep(near, Section.END, i);
                }
            });
            assertThat(far.awaitInput(0)).as("anything sent").isFalse();
            assertThat(near.flush(0)).as("there is room for all").isFalse();
            int read = 0;
            while (!near.flush(0)) {
                assertThat(HandoverMessages.awaitStep(far, Section.END, 1_000)).isEqualTo(read++);
            }
            while (read < steps - 1) {
                assertThat(HandoverMessages.awaitStep(far, Section.END, 1_000)).isEqualTo(read++);
            }
            HandoverMessages.sendStep(near, Section.MOVED, steps);
            while (read < steps) {
                assertThat(HandoverMessages.awaitStep(far, Section.END, 1_000)).isEqualTo(read++);
            }
            assertThat(HandoverMessages.awaitStep(far, Section.MOVED, 1_000)).isEqualTo(steps);
        }
    }

    /** What was held before stays; of what fails in the middle nothing does: its descriptors may be others' by then. */
    @Test
    void whatFailsWhileItIsHeldIsNotSent() throws HandoverException {
        try (Channels channels = Channels.agreed(1)) {
            HandoverChannel near = channels.outgoing;
            near.hold(() -> HandoverMessages.sendStep(near, Section.END, 1));
            HandoverException failure = catchThrowableOfType(HandoverException.class, () -> near.hold(() -> {
                HandoverMessages.sendStep(near, Section.END, 2);
                try (Fd lent = FileIo.open("/dev/null", FileIo.O_RDWR, 0)) {
                    near.send(Section.DATAPATH, Section.DATAPATH.label(), new byte[8], List.of(lent));
                }
                throw new HandoverException("front-end vm0", HandoverError.DESCRIPTOR_KIND, "it was closed");
            }));
            HandoverMessages.refuse(near, failure);
            assertThat(HandoverMessages.awaitStep(channels.incoming, Section.END, Link.TIMEOUT_MS)).isEqualTo(1);
            assertThat(catchThrowableOfType(HandoverException.class,
                () -> channels.incoming.receive(Link.TIMEOUT_MS, Section.DATAPATH).close()))
                .hasMessage("section front-end vm0: refused by the peer: it was closed");
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 5})
    void otherUnixSocketsAreRefused(int type) {
        Fd[] pair = UnixSocket.pair(type);
        assertThat(refusal(pair[0])).hasMessage(NEEDED);
        assertThat(refusal(pair[1])).hasMessage(NEEDED);
    }

    @Test
    void whatIsNoSocketIsRefused() {
        assertThat(refusal(FileIo.open("/dev/null", FileIo.O_RDWR, 0))).hasMessage(NEEDED);
    }

    @Test
    void aSocketWithoutAPeerIsRefused() throws IOException {
        Path path = directory.resolve("s");
        assertThat(refusal(UnixSocket.listen(path, UnixSocket.STREAM, 0600, 1)))
            .hasMessage("section channel: it cannot pass descriptors: the socket is not connected");
        Files.delete(path);
    }

    private static HandoverException refusal(Fd socket) {
        HandoverException refusal =
            catchThrowableOfType(HandoverException.class, () -> HandoverChannel.over(socket));
        assertThat(refusal.kind()).isEqualTo(HandoverError.CANNOT_PASS_DESCRIPTORS);
        assertThat(socket.isOpen()).isFalse();
        return refusal;
    }

    @Test
    void aSilentPeerIsNamedWithWhatIsMissing() throws HandoverException {
        try (Channels channels = Channels.agreed(1)) {
            HandoverException failure = catchThrowableOfType(HandoverException.class,
                () -> channels.incoming.receive(20, Section.PREPARED));
            assertThat(failure).hasMessage("section prepared: the peer was silent past the timeout");
            assertThat(failure.kind()).isEqualTo(HandoverError.TIMEOUT);
            HandoverMessages.sendStep(channels.outgoing, Section.PREPARED, 1);
            assertThat(HandoverMessages.awaitStep(channels.incoming, Section.PREPARED, Link.TIMEOUT_MS))
                .as("nothing had begun, so nothing is broken").isEqualTo(1);
        }
    }

    @Test
    void aPeerThatDoesNotReadIsNamed() throws HandoverException {
        Fd[] pair = UnixSocket.pair(UnixSocket.STREAM);
        try (Fd silent = pair[1]; HandoverChannel channel = HandoverChannel.over(pair[0], HandoverFaults.NONE, 50)) {
            assertThat(silent.isOpen()).isTrue();
            HandoverException failure = catchThrowableOfType(HandoverException.class, () -> {
                while (true) {
                    HandoverMessages.sendStep(channel, Section.CLAIM, 1);
                }
            });
            assertThat(failure).hasMessage("section claim: the peer did not read it in time");
        }
    }

    /** A wait that begins later ends as well, and so does an epoll over the channel's input. */
    @Test
    void anInterruptEndsAWaitThatIsYetToCome() throws HandoverException {
        try (Channels channels = Channels.agreed(1)) {
            channels.incoming.interrupt();
            assertThat(Poll.await(channels.incoming.inputFd(), Poll.IN, 0)).isNotZero();
            assertThat(catchThrowableOfType(HandoverException.class,
                () -> channels.incoming.receive(60_000, Section.CLAIM).close()).kind())
                .isEqualTo(HandoverError.CLOSED);
            channels.incoming.close();
            channels.incoming.interrupt();
        }
    }

    @Test
    void closingEndsAWait() throws HandoverException {
        try (Channels channels = Channels.agreed(1)) {
            CompletableFuture<Void> waiting =
                Channels.beside(() -> channels.incoming.receive(60_000, Section.CLAIM).close());
            channels.incoming.close();
            assertThat(Channels.failure(waiting)).hasMessage("section claim: the channel was closed on this side");
            assertThat(catchThrowableOfType(HandoverException.class,
                () -> HandoverMessages.sendStep(channels.incoming, Section.CLAIM, 1)).kind())
                .isEqualTo(HandoverError.CLOSED);
        }
    }

    @Test
    void aPeerThatLeftIsNamed() throws HandoverException {
        try (Channels channels = Channels.agreed(1)) {
            channels.outgoing.close();
            assertThat(catchThrowableOfType(HandoverException.class,
                () -> channels.incoming.receive(Link.TIMEOUT_MS, Section.CLAIM)))
                .hasMessage("section claim: the peer closed the channel");
            assertThat(catchThrowableOfType(HandoverException.class,
                () -> HandoverMessages.sendStep(channels.incoming, Section.PREPARED, 1)))
                .hasMessage("section prepared: the peer closed the channel");
        }
    }

    @Test
    void whoSendsToAPeerThatRefusedAndLeftLearnsWhy() throws HandoverException {
        try (Channels channels = Channels.agreed(1)) {
            HandoverMessages.sendStep(channels.incoming, Section.PREPARED, 1);
            HandoverMessages.refuse(channels.incoming, "front-end vm0", "no room\nfor it");
            channels.incoming.close();
            assertThat(catchThrowableOfType(HandoverException.class,
                () -> HandoverMessages.sendStep(channels.outgoing, Section.CLAIM, 1)))
                .hasMessage("section front-end vm0: refused by the peer: no room for it");
        }
    }
}
