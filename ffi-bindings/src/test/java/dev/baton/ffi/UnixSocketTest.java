package dev.baton.ffi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(NoLeaks.class)
@Timeout(60)
class UnixSocketTest {
    @TempDir
    Path directory;

    private Path path;

    @BeforeEach
    void choosePath() {
        path = directory.resolve("s");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 5})
    void connectsAndTalks(int type) {
        try (Fd listener = UnixSocket.listen(path, type, 0600, 1);
            Fd client = UnixSocket.connect(path, type);
            Fd server = Objects.requireNonNull(UnixSocket.accept(listener, true));
            Mapping memory = Mapping.anonymous(8)) {
            assertThat(FileIo.isNonBlocking(server)).isTrue();
            assertThat(FileIo.isNonBlocking(client)).isFalse();
            RawMemory.putLong(memory.address(), 42);
            assertThat(FileIo.write(client.value(), memory.address(), 8)).isEqualTo(8);
            RawMemory.putLong(memory.address(), 0);
            assertThat(FileIo.read(server.value(), memory.address(), 8)).isEqualTo(8);
            assertThat(RawMemory.getLong(memory.address())).isEqualTo(42);
        }
    }

    @Test
    void fileHasTheModeWhateverTheUmask() throws Exception {
        for (String mode : new String[] {"rw-------", "rw-rw-rw-", "rw-rw----"}) {
            int bits = 0;
            for (int i = 0; i < mode.length(); i++) {
                bits = bits << 1 | (mode.charAt(i) == '-' ? 0 : 1);
            }
            try (Fd listener = UnixSocket.listen(path, UnixSocket.STREAM, bits, 1)) {
                assertThat(listener.isOpen()).isTrue();
                assertThat(Files.getPosixFilePermissions(path)).isEqualTo(PosixFilePermissions.fromString(mode));
            }
            Files.delete(path);
        }
    }

    @Test
    void acceptReturnsNullWhenNobodyIsThere() {
        try (Fd listener = UnixSocket.listen(path, UnixSocket.STREAM, 0600, 1)) {
            FileIo.setNonBlocking(listener, true);
            assertThat(UnixSocket.accept(listener, false)).isNull();
        }
    }

    @Test
    void pathInUseIsRefusedAndLeftAlone() throws Exception {
        Files.writeString(path, "mine");
        assertThatThrownBy(() -> UnixSocket.listen(path, UnixSocket.STREAM, 0600, 1))
            .hasMessage("bind(\"" + path + "\"): EADDRINUSE (Address already in use)");
        assertThat(Files.readString(path)).isEqualTo("mine");
        assertThat(UnixSocket.removeStale(path, UnixSocket.STREAM)).isFalse();
        assertThat(path).exists();
    }

    @Test
    void failureAfterBindRemovesTheFile() {
        assertThatThrownBy(() -> UnixSocket.listen(path, 4711, 0600, 1)).isInstanceOf(SyscallException.class);
        assertThatThrownBy(() -> UnixSocket.listen(directory.resolve("no/such"), UnixSocket.STREAM, 0600, 1))
            .hasMessageContaining("ENOENT");
        assertThat(path).doesNotExist();
    }

    @Test
    void longPathIsRefusedByItsLength() {
        Path tooLong = Path.of("/tmp/" + "x".repeat(103));
        assertThatThrownBy(() -> UnixSocket.listen(tooLong, UnixSocket.STREAM, 0600, 1))
            .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("107 bytes, this one 108");
        assertThatThrownBy(() -> UnixSocket.connect(tooLong, UnixSocket.STREAM))
            .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void removesTheFileOfADeadListenerOnly() {
        assertThat(UnixSocket.removeStale(path, UnixSocket.STREAM)).isTrue();
        Fd listener = UnixSocket.listen(path, UnixSocket.STREAM, 0600, 1);
        assertThat(UnixSocket.removeStale(path, UnixSocket.STREAM)).isFalse();
        listener.close();
        assertThatThrownBy(() -> UnixSocket.connect(path, UnixSocket.STREAM)).hasMessageContaining("ECONNREFUSED");
        assertThat(UnixSocket.removeStale(path, UnixSocket.STREAM)).isTrue();
        assertThat(path).doesNotExist();
    }

    @Test
    void impatientConnectDoesNotWaitForAFullBacklog() {
        try (Fd listener = UnixSocket.listen(path, UnixSocket.STREAM, 0600, 0);
            Fd first = UnixSocket.connect(path, UnixSocket.STREAM, true)) {
            assertThat(listener.isOpen()).isTrue();
            assertThat(FileIo.isNonBlocking(first)).isTrue();
            assertThatThrownBy(() -> UnixSocket.connect(path, UnixSocket.STREAM, true)).hasMessageContaining("EAGAIN");
        }
    }

    @Test
    void knowsWhoIsAtTheOtherEnd() throws Exception {
        Fd[] pair = UnixSocket.pair(UnixSocket.SEQPACKET);
        try (Fd a = pair[0]; Fd b = pair[1]) {
            PeerCredentials peer = UnixSocket.peerCredentials(a);
            assertThat(peer.pid()).isEqualTo((int) ProcessHandle.current().pid());
            assertThat(peer.uid()).isEqualTo(Files.getAttribute(Path.of("/proc/self"), "unix:uid"));
            assertThat(UnixSocket.peerCredentials(b)).isEqualTo(peer);
        }
        try (Fd file = FileIo.open("/dev/null", FileIo.O_RDONLY, 0)) {
            assertThatThrownBy(() -> UnixSocket.peerCredentials(file)).hasMessageContaining("ENOTSOCK");
        }
    }

    @Test
    void tellsWhatASocketIs() {
        Fd[] pair = UnixSocket.pair(UnixSocket.SEQPACKET);
        try (Fd a = pair[0]; Fd b = pair[1]; Fd stream = UnixSocket.listen(path, UnixSocket.STREAM, 0600, 1);
            Fd internet = Socket.open(Socket.AF_INET, Socket.SOCK_STREAM); Fd loop = UnixSocket.loop();
            Fd file = FileIo.open("/dev/null", FileIo.O_RDONLY, 0)) {
            assertThat(UnixSocket.domain(internet)).isEqualTo(Socket.AF_INET);
            assertThat(UnixSocket.type(a)).isEqualTo(UnixSocket.SEQPACKET);
            assertThat(List.of(a, b, stream, loop)).allMatch(UnixSocket::isUnix);
            assertThat(List.of(internet, file)).noneMatch(UnixSocket::isUnix);
            assertThat(List.of(stream, internet)).allMatch(UnixSocket::isStream);
            assertThat(List.of(a, loop, file)).noneMatch(UnixSocket::isStream);
            assertThat(UnixSocket.isDatagram(loop)).isTrue();
            assertThat(List.of(a, stream, internet, file)).noneMatch(UnixSocket::isDatagram);
            assertThatThrownBy(() -> UnixSocket.domain(file)).hasMessageContaining("getsockopt(SO_DOMAIN): ENOTSOCK");
        }
    }

    @Test
    void loopGivesBackWhatItWasGivenInOrder() {
        try (Fd loop = UnixSocket.loop(); Mapping memory = Mapping.anonymous(8)) {
            assertThat(FileIo.isNonBlocking(loop)).isTrue();
            for (int length = 1; length <= 8; length++) {
                RawMemory.putLong(memory.address(), length);
                assertThat(FileIo.write(loop.value(), memory.address(), length)).isEqualTo(length);
            }
            for (int length = 1; length <= 8; length++) {
                RawMemory.putLong(memory.address(), 0);
                assertThat(FileIo.read(loop.value(), memory.address(), 8)).isEqualTo(length);
                assertThat(RawMemory.getLong(memory.address())).isEqualTo(length);
            }
            assertThat(FileIo.read(loop.value(), memory.address(), 8)).isEqualTo(-Errno.EAGAIN);
        }
    }

    @Test
    void loopIsNobodyElsesPeer() {
        try (Fd loop = UnixSocket.loop(); Fd stranger = Socket.open(Socket.AF_INET, Socket.SOCK_DGRAM);
            Fd other = Socket.open(SocketAddress.AF_UNIX, UnixSocket.DGRAM); Arena arena = Arena.ofConfined()) {
            MemorySegment name = SocketAddress.ask(loop, arena, Socket::name, "getsockname");
            assertThat(other.use(fd -> Socket.connect(fd, name))).isEqualTo(-Errno.EPERM);
            assertThat(UnixSocket.isLoop(loop)).isTrue();
            assertThat(UnixSocket.isLoop(stranger)).isFalse();
            assertThat(UnixSocket.isLoop(other)).as("not connected").isFalse();
        }
        Fd[] pair = UnixSocket.pair(UnixSocket.DGRAM);
        try (Fd a = pair[0]; Fd b = pair[1]) {
            assertThat(UnixSocket.isLoop(a)).as("neither end has a name").isFalse();
            assertThat(UnixSocket.isLoop(b)).isFalse();
        }
    }

    @Test
    void sendBufferSaysHowLongADatagramMayBe() {
        try (Fd loop = UnixSocket.loop(); Mapping memory = Mapping.anonymous(1 << 16)) {
            UnixSocket.sendBuffer(loop, 8192);
            assertThat(UnixSocket.sendBuffer(loop)).isEqualTo(16384);
            assertThat(FileIo.write(loop.value(), memory.address(), 16384 - 31)).isEqualTo(-Errno.EMSGSIZE);
            assertThat(FileIo.write(loop.value(), memory.address(), 16384 - 32)).isEqualTo(16384 - 32);
            assertThat(FileIo.write(loop.value(), memory.address(), 1)).as("full").isEqualTo(-Errno.EAGAIN);
        }
    }
}
