package dev.baton.tools.control;

import dev.baton.ffi.DescriptorMessage;
import dev.baton.ffi.Errno;
import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import dev.baton.ffi.SyscallException;
import dev.baton.tools.json.JsonWriter;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Requests and replies on the control socket, see {@link ControlServer}. Belongs to the server's thread. */
final class ControlProtocol implements AutoCloseable {
    /** The longest request, bytes. */
    static final int MAX_REQUEST_BYTES = 4096;

    /** The longest reply that a default socket buffer takes in one message; a longer one is a {@link LongReply}. */
    static final int MAX_REPLY_BYTES = 160 * 1024;

    private final Map<String, ControlCommand> commands = new LinkedHashMap<>();
    /** For requests; one byte longer than the longest, so that a longer one shows. */
    private final Mapping request = Mapping.anonymous(MAX_REQUEST_BYTES + 1);
    private final Mapping reply = Mapping.anonymous(MAX_REPLY_BYTES);

    ControlProtocol(List<ControlCommand> commands) {
        commands.forEach(command -> this.commands.put(command.name(), command));
    }

    /** Reads one request and sends its reply. False: the client has gone, or does not fetch its replies. */
    boolean serve(Fd client) {
        long length = FileIo.read(client.value(), request.address(), request.length());
        if (length == -Errno.EAGAIN) {
            return true;
        }
        // An empty message reads like the end, and may be taken for it: there is nothing to answer.
        if (length <= 0) {
            return false;
        }
        try (ControlReply answer = answer((int) length)) {
            return send(client, answer);
        }
    }

    /** Tells why there will be no answers. */
    void refuse(Fd client, String why) {
        send(client, ControlReply.error(why));
    }

    private ControlReply answer(int length) {
        if (length > MAX_REQUEST_BYTES) {
            return ControlReply.error("a request has at most " + MAX_REQUEST_BYTES + " bytes");
        }
        String line = decode(length);
        if (line == null || line.strip().isEmpty() || line.strip().chars().anyMatch(c -> c < ' ')) {
            return ControlReply.error("a request is one line of text in UTF-8, see 'help'");
        }
        String[] words = line.strip().split("\\s+", 2);
        String argument = words.length == 1 ? "" : words[1];
        if ("help".equals(words[0])) {
            return help();
        }
        ControlCommand command = commands.get(words[0]);
        if (command == null) {
            return ControlReply.error("unknown command '" + words[0] + "', see 'help'");
        }
        try {
            return command.answer(argument);
        } catch (RuntimeException e) {
            return ControlReply.error(words[0] + ": " + (e.getMessage() == null ? e.toString() : e.getMessage()));
        }
    }

    private @Nullable String decode(int length) {
        byte[] bytes = new byte[length];
        RawMemory.copyToArray(request.address(), bytes, 0, length);
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
        } catch (CharacterCodingException e) {
            return null;
        }
    }

    private ControlReply help() {
        Map<String, String> summaries = new LinkedHashMap<>();
        summaries.put("help", "this list");
        commands.values().forEach(command -> summaries.put(command.name(), command.summary()));
        return ControlReply.of(Map.of("commands", summaries));
    }

    private boolean send(Fd client, ControlReply answer) {
        byte[] bytes = text(answer);
        if (bytes.length <= MAX_REPLY_BYTES) {
            return send(client, bytes, answer.descriptors());
        }
        try (ControlReply instead = LongReply.of(bytes)) {
            List<Fd> descriptors = new ArrayList<>(answer.descriptors());
            descriptors.addAll(instead.descriptors());
            return send(client, text(instead), descriptors);
        }
    }

    private static byte[] text(ControlReply answer) {
        return JsonWriter.pretty(answer.document()).getBytes(StandardCharsets.UTF_8);
    }

    private boolean send(Fd client, byte[] bytes, List<Fd> descriptors) {
        RawMemory.copyFromArray(bytes, 0, reply.address(), bytes.length);
        int[] fds = descriptors.stream().mapToInt(Fd::value).toArray();
        try {
            return DescriptorMessage.send(client, reply.address(), bytes.length, fds, DescriptorMessage.MSG_DONTWAIT)
                    == bytes.length;
        } catch (SyscallException e) {
            // The client has gone, which is its right.
            return false;
        }
    }

    @Override
    public void close() {
        request.close();
        reply.close();
    }
}
