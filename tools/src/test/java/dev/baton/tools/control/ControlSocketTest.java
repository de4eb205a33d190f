package dev.baton.tools.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.baton.ffi.DescriptorMessage;
import dev.baton.ffi.Errno;
import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.MemFd;
import dev.baton.ffi.Poll;
import dev.baton.ffi.RawMemory;
import dev.baton.ffi.SyscallException;
import dev.baton.ffi.UnixSocket;
import dev.baton.tools.json.JsonReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(value = 30, unit = TimeUnit.SECONDS)
class ControlSocketTest {
    private static final int LARGE = 3 * ControlProtocol.MAX_REPLY_BYTES;

    @TempDir
    private Path folder;
    private Path path;
    private Mapping memory;
    private ControlServer server;

    @BeforeEach
    void start() {
        path = folder.resolve("control.sock");
        memory = Mapping.anonymous(1 << 20);
        server = ControlServer.start(path, COMMANDS);
    }

    @AfterEach
    void stop() {
        server.close();
        memory.close();
    }

    @Test
    void oneLineInOneDocumentOut() throws IOException {
        try (ControlClient client = ControlClient.connect(path); ControlReply reply = client.ask("echo  two words\n")) {
            assertThat(JsonReader.text(reply.document(), "said")).isEqualTo("two words");
        }
    }

    @Test
    void manyRequestsOverOneConnection() throws IOException {
        try (ControlClient client = ControlClient.connect(path)) {
            for (int i = 0; i < 1000; i++) {
                try (ControlReply reply = client.ask("echo " + i)) {
                    assertThat(JsonReader.text(reply.document(), "said")).isEqualTo(String.valueOf(i));
                }
            }
        }
    }

    @Test
    void helpListsTheCommands() throws IOException {
        try (ControlClient client = ControlClient.connect(path); ControlReply reply = client.ask("help")) {
            assertThat(JsonReader.at(reply.document(), "commands")).isEqualTo(Map.of("help", "this list",
                    "echo", "about echo", "fail", "about fail", "memory", "about memory", "large", "about large"));
        }
    }

    @Test
    void theReplyIsPrettyForPeople() {
        Fd client = connect();
        send(client, "echo x");
        assertThat(receive(client)).isEqualTo("{\n  \"said\": \"x\"\n}\n");
        client.close();
    }

    @Test
    void descriptorsTravelWithTheReply() throws IOException {
        try (ControlClient client = ControlClient.connect(path); ControlReply reply = client.ask("memory")) {
            assertThat(reply.descriptors()).hasSize(1);
            assertThat(FileIo.size(reply.descriptors().getFirst())).isEqualTo(4096);
        }
    }

    @Test
    void badRequestsGetAnErrorAndTheConnectionLives() {
        Fd client = connect();
        assertError(client, "nonsense".getBytes(StandardCharsets.UTF_8), "unknown command 'nonsense', see 'help'");
        assertError(client, "\n".getBytes(StandardCharsets.UTF_8), "a request is one line of text in UTF-8");
        assertError(client, "help\nhelp".getBytes(StandardCharsets.UTF_8), "a request is one line of text in UTF-8");
        assertError(client, new byte[] {'h', 0, 'p'}, "a request is one line of text in UTF-8");
        assertError(client, new byte[] {(byte) 0xc3, (byte) 0x28}, "a request is one line of text in UTF-8");
        assertError(client, new byte[4097], "a request has at most 4096 bytes");
        assertError(client, new byte[100_000], "a request has at most 4096 bytes");
        assertError(client, "fail".getBytes(StandardCharsets.UTF_8), "fail: on purpose");
        send(client, "echo on");
        assertThat(receive(client)).contains("on");
        client.close();
    }

    @Test
    void aReplyLongerThanAMessageComesWhole() throws IOException {
        try (ControlClient client = ControlClient.connect(path)) {
            for (String word : List.of("large", "echo")) {
                try (ControlReply reply = client.ask(word + " x")) {
                    assertThat(reply.descriptors()).isEmpty();
                    assertThat(String.valueOf(JsonReader.at(reply.document(), "said")))
                            .hasSize(word.equals("large") ? LARGE : 1).matches("x+");
                }
            }
        }
    }

    @Test
    void aRequestOfTheLongestLengthIsTaken() {
        Fd client = connect();
        send(client, "echo " + "x".repeat(ControlProtocol.MAX_REQUEST_BYTES - 5));
        assertThat(receive(client)).contains("xxx\"");
        client.close();
    }

    @Test
    void descriptorsOfAClientAreNotKept() throws IOException {
        long before = openSockets();
        Fd client = connect();
        byte[] bytes = "echo x".getBytes(StandardCharsets.UTF_8);
        RawMemory.copyFromArray(bytes, 0, memory.address(), bytes.length);
        for (int i = 0; i < 100; i++) {
            DescriptorMessage.send(client, memory.address(), bytes.length, new int[] {client.value()}, 0);
            receive(client);
        }
        assertThat(openSockets()).isLessThanOrEqualTo(before + 4);
        client.close();
    }

    @Test
    void aClientThatDoesNotFetchItsAnswersIsDisconnected() throws IOException {
        Fd flood = UnixSocket.connect(path, UnixSocket.SEQPACKET, true);
        byte[] bytes = ("echo " + "x".repeat(4000)).getBytes(StandardCharsets.UTF_8);
        RawMemory.copyFromArray(bytes, 0, memory.address(), bytes.length);
        boolean disconnected = false;
        while (!disconnected) {
            try {
                DescriptorMessage.send(flood, memory.address(), bytes.length, new int[0], 0);
            } catch (SyscallException e) {
                assertThat(e.errno()).isIn(Errno.EPIPE, Errno.ECONNRESET);
                disconnected = true;
            }
            try (ControlClient other = ControlClient.connect(path); ControlReply reply = other.ask("echo served")) {
                assertThat(JsonReader.text(reply.document(), "said")).isEqualTo("served");
            }
        }
        flood.close();
    }

    @Test
    void silentClientsMakeRoomForNewOnes() throws IOException {
        List<Fd> silent = new ArrayList<>();
        for (int i = 0; i < 3 * ControlServer.MAX_CLIENTS; i++) {
            silent.add(connect());
        }
        try (ControlClient client = ControlClient.connect(path); ControlReply reply = client.ask("echo still here")) {
            assertThat(JsonReader.text(reply.document(), "said")).isEqualTo("still here");
        }
        assertThat(Poll.await(silent.getFirst(), Poll.IN, 5_000) & (Poll.HUP | Poll.IN)).isNotZero();
        silent.forEach(Fd::close);
    }

    @Test
    void anotherUserIsRefused() throws IOException {
        Path other = folder.resolve("other.sock");
        try (ControlServer _ = ControlServer.start(other, COMMANDS, ControlServer.ownUid() + 1)) {
            Fd client = UnixSocket.connect(other, UnixSocket.SEQPACKET);
            assertThat(receive(client)).contains("may not talk to this Baton");
            assertThat(receive(client)).isEmpty();
            client.close();
        }
    }

    @Test
    void theFileIsForItsUserOnlyAndGoesWithTheServer() throws IOException {
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path))).isEqualTo("rw-------");
        assertThat(ControlClient.isServed(path)).isTrue();
        server.close();
        assertThat(path).doesNotExist();
        assertThat(ControlClient.isServed(path)).isFalse();
    }

    @Test
    void aFileThatSomebodyElsePutThereStays() throws IOException {
        Files.delete(path);
        try (ControlServer _ = ControlServer.start(path, COMMANDS)) {
            server.close();
            assertThat(path).exists();
            assertThat(ControlClient.isServed(path)).isTrue();
        }
    }

    @Test
    void theClientSaysInOneSentenceWhyItCannotConnect() throws IOException {
        assertThatThrownBy(() -> ControlClient.connect(folder.resolve("none")))
                .hasMessage("there is no control socket " + folder.resolve("none") + ", is Baton running?");
        Path stale = folder.resolve("stale");
        UnixSocket.listen(stale, UnixSocket.SEQPACKET, 0600, 1).close();
        assertThatThrownBy(() -> ControlClient.connect(stale))
                .hasMessage("nobody listens on " + stale + ", the Baton that made it has gone");
        Path stream = folder.resolve("stream");
        try (Fd listener = UnixSocket.listen(stream, UnixSocket.STREAM, 0600, 1)) {
            assertThatThrownBy(() -> ControlClient.connect(stream))
                    .hasMessage(stream + " is a socket, but no control socket of Baton");
            assertThat(listener.isOpen()).isTrue();
        }
        try (ControlClient client = ControlClient.connect(path)) {
            assertThatThrownBy(() -> client.ask("nonsense")).hasMessage("unknown command 'nonsense', see 'help'");
        }
    }

    private void assertError(Fd client, byte[] request, String expected) {
        RawMemory.copyFromArray(request, 0, memory.address(), request.length);
        DescriptorMessage.send(client, memory.address(), request.length, new int[0], 0);
        assertThat(JsonReader.text(JsonReader.parse(receive(client)), "error")).contains(expected);
    }

    private Fd connect() {
        return UnixSocket.connect(path, UnixSocket.SEQPACKET);
    }

    private void send(Fd client, String line) {
        byte[] bytes = line.getBytes(StandardCharsets.UTF_8);
        RawMemory.copyFromArray(bytes, 0, memory.address(), bytes.length);
        DescriptorMessage.send(client, memory.address(), bytes.length, new int[0], 0);
    }

    private String receive(Fd client) {
        long length = FileIo.read(client.value(), memory.address(), memory.length());
        byte[] bytes = new byte[(int) length];
        RawMemory.copyToArray(memory.address(), bytes, 0, bytes.length);
        return new String(bytes, StandardCharsets.UTF_8);
    }

    private static long openSockets() throws IOException {
        try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
            return open.filter(link -> {
                try {
                    return Files.readSymbolicLink(link).toString().startsWith("socket:");
                } catch (IOException e) { // closed meanwhile
                    return false;
                }
            }).count();
        }
    }

    @Test
    void whoAsksAPausedServerWaits() throws Exception {
        server.pause();
        try (ControlClient client = ControlClient.connect(path)) {
            Future<ControlReply> reply = ForkJoinPool.commonPool().submit(() -> client.ask("echo late"));
            assertThat(reply.isDone()).isFalse();
            server.resume();
            assertThat(JsonReader.text(reply.get().document(), "said")).isEqualTo("late");
        }
    }

    @Test
    void anotherServerGoesOnWithTheSocket() throws Exception {
        try (ControlClient early = ControlClient.connect(path)) {
            server.pause();
            Fd passed = server.listener().duplicate();
            try (ControlClient meanwhile = ControlClient.connect(path)) {
                server.abandon();
                assertThat(path).exists();
                try (ControlServer _ = ControlServer.adopt(path, passed).serve(COMMANDS)) {
                    for (ControlClient client : List.of(early, meanwhile)) {
                        assertThat(JsonReader.text(client.ask("echo on").document(), "said")).isEqualTo("on");
                    }
                }
                assertThat(path).doesNotExist();
            }
        }
    }

    private static final List<ControlCommand> COMMANDS = List.of(
            command("echo", argument -> argument), command("fail", argument -> {
                throw new IllegalStateException("on purpose");
            }), command("large", argument -> "x".repeat(LARGE)), new ControlCommand() {
                @Override
                public String name() {
                    return "memory";
                }

                @Override
                public String summary() {
                    return "about memory";
                }

                @Override
                public ControlReply answer(String argument) {
                    return new ControlReply(Map.of(), List.of(MemFd.create("baton-test", 4096)));
                }
            });

    private static ControlCommand command(String name, UnaryOperator<String> answer) {
        return new ControlCommand() {
            @Override
            public String name() {
                return name;
            }

            @Override
            public String summary() {
                return "about " + name;
            }

            @Override
            public ControlReply answer(String argument) {
                return ControlReply.of(Map.of("said", answer.apply(argument)));
            }
        };
    }
}
