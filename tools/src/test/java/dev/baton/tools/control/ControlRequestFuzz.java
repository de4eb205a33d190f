package dev.baton.tools.control;

import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import dev.baton.ffi.UnixSocket;
import dev.baton.tools.json.JsonReader;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Fuzz target: one request on the control socket, up to 64 KiB of any bytes. It is answered by one JSON document: what
 * the command says, or an error in one line.
 */
public final class ControlRequestFuzz {
    private static final int MOST_BYTES = 1 << 16;
    private static final ControlProtocol PROTOCOL = new ControlProtocol(List.of(new Said("echo"), new Said("fail")));
    private static final Mapping REQUEST = Mapping.anonymous(MOST_BYTES);
    private static final Mapping REPLY = Mapping.anonymous(ControlProtocol.MAX_REPLY_BYTES);
    private static final Fd[] PAIR = UnixSocket.pair(UnixSocket.SEQPACKET);

    static {
        FileIo.setNonBlocking(PAIR[0], true);
        FileIo.setNonBlocking(PAIR[1], true);
    }

    private ControlRequestFuzz() {
    }

    /** A command that gives its argument back, or refuses it. */
    private record Said(String name) implements ControlCommand {
        @Override
        public String summary() {
            return "says what it was told";
        }

        @Override
        public ControlReply answer(String argument) {
            if ("fail".equals(name)) {
                throw new IllegalStateException(argument);
            }
            return ControlReply.of(Map.of("said", argument));
        }
    }

    /** Called by the fuzzer, and for every file of the corpus by a test. */
    public static void fuzzerTestOneInput(byte[] request) {
        int length = Math.min(request.length, MOST_BYTES);
        if (length == 0) {
            return;
        }
        RawMemory.copyFromArray(request, 0, REQUEST.address(), length);
        require(FileIo.write(PAIR[1].value(), REQUEST.address(), length) == length, "the request does not go");
        require(PROTOCOL.serve(PAIR[0]), "the client is dropped");
        long replied = FileIo.read(PAIR[1].value(), REPLY.address(), REPLY.length());
        require(replied > 0, "no reply: " + replied);
        byte[] reply = new byte[(int) replied];
        RawMemory.copyToArray(REPLY.address(), reply, 0, reply.length);
        check(new String(request, 0, length, StandardCharsets.UTF_8).strip(),
            JsonReader.parse(new String(reply, StandardCharsets.UTF_8)), length);
    }

    private static void check(String line, @Nullable Object reply, int length) {
        if (JsonReader.at(reply, "error") instanceof String error) {
            require(!error.isEmpty() && error.chars().noneMatch(c -> c == '\n'), "an error of several lines");
            return;
        }
        require(length <= ControlProtocol.MAX_REQUEST_BYTES, "a request of " + length + " bytes was taken");
        String[] words = line.split("\\s+", 2);
        if ("help".equals(words[0])) {
            require(Objects.requireNonNull(JsonReader.at(reply, "commands")) instanceof Map<?, ?>, "no commands");
            return;
        }
        require("echo".equals(words[0]) && Objects.equals(words.length == 1 ? "" : words[1],
            JsonReader.at(reply, "said")), line + " is answered by " + reply);
    }

    private static void require(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }
}
