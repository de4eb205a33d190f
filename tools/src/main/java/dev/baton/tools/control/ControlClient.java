package dev.baton.tools.control;

import dev.baton.ffi.DescriptorMessage;
import dev.baton.ffi.Errno;
import dev.baton.ffi.Fd;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.Poll;
import dev.baton.ffi.RawMemory;
import dev.baton.ffi.SyscallException;
import dev.baton.ffi.UnixSocket;
import dev.baton.tools.json.JsonReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Asks a running Baton over its control socket. */
public final class ControlClient implements AutoCloseable {
    private static final int TIMEOUT_MS = 10_000;

    private final Path path;
    private Fd socket;
    private boolean answered;

    private ControlClient(Path path, Fd socket) {
        this.path = path;
        this.socket = socket;
    }

    /**
     * Connects.
     *
     * @param path the control socket
     * @return the connection
     * @throws IOException with one sentence when no Baton is there
     */
    public static ControlClient connect(Path path) throws IOException {
        try {
            return new ControlClient(path, UnixSocket.connect(path, UnixSocket.SEQPACKET));
        } catch (SyscallException e) {
            throw new IOException(whyNot(path, e.errno()), e);
        }
    }

    private static String whyNot(Path path, int errno) {
        return switch (errno) {
            case Errno.ENOENT -> "there is no control socket " + path + ", is Baton running?";
            case Errno.ECONNREFUSED -> "nobody listens on " + path + ", the Baton that made it has gone";
            case Errno.EACCES -> "no permission to connect to " + path;
            case Errno.EPROTOTYPE -> path + " is a socket, but no control socket of Baton";
            default -> "cannot connect to " + path + ": " + Errno.describe(errno);
        };
    }

    /**
     * Whether somebody listens on a path.
     *
     * @param path a control socket
     * @return true when a connection came about
     */
    public static boolean isServed(Path path) {
        try (ControlClient client = connect(path)) {
            return client.socket.isOpen();
        } catch (IOException e) {
            return false;
        }
    }

    /**
     * Who serves a control socket.
     *
     * @param path the control socket
     * @return the process that listens
     * @throws IOException with one sentence when no Baton is there
     */
    public static int pidBehind(Path path) throws IOException {
        // Not by the socket: its credentials stay those of the process that made it, whoever has it now.
        try (ControlClient client = connect(path); ControlReply reply = client.ask("version")) {
            return JsonReader.number(reply.document(), "pid").intValue();
        } catch (IllegalArgumentException e) {
            throw new IOException("no Baton answers on " + path, e);
        }
    }

    /**
     * Asks. Where the Baton hands its datapath over at this very moment, the next owner is asked.
     *
     * @param line the request, one line
     * @return the answer, to be closed by the caller
     * @throws IOException with one sentence when there is no answer, or it is an error
     */
    public ControlReply ask(String line) throws IOException {
        try {
            return talk(line);
        } catch (Unanswered e) {
            if (answered) {
                throw e;
            }
            socket.close();
            socket = connect(path).socket;
            return talk(line);
        }
    }

    /** The connection ended without an answer: what was asked was not done. */
    private static final class Unanswered extends IOException {
        private static final long serialVersionUID = 1L;

        Unanswered(Path path) {
            super("the Baton behind " + path + " closed the connection");
        }
    }

    private ControlReply talk(String line) throws IOException {
        List<Fd> descriptors = new ArrayList<>();
        try (Mapping memory = Mapping.anonymous(ControlProtocol.MAX_REPLY_BYTES)) {
            send(line, memory);
            if (Poll.await(socket, Poll.IN, TIMEOUT_MS) == 0) {
                throw new IOException("no answer from " + path + " within " + TIMEOUT_MS / 1000 + " s");
            }
            long length = receive(memory, descriptors);
            if (length <= 0) {
                throw new Unanswered(path);
            }
            byte[] bytes = new byte[(int) length];
            RawMemory.copyToArray(memory.address(), bytes, 0, bytes.length);
            Object document = document(bytes, descriptors);
            answered = true;
            if (JsonReader.at(document, "error") instanceof String why) {
                throw new IOException(why);
            }
            return new ControlReply(document, List.copyOf(descriptors));
        } catch (SyscallException | IllegalArgumentException e) {
            descriptors.forEach(Fd::close);
            throw new IOException("the talk with " + path + " broke: " + e.getMessage(), e);
        } catch (IOException e) {
            descriptors.forEach(Fd::close);
            throw e;
        }
    }

    private static @Nullable Object document(byte[] message, List<Fd> descriptors) {
        Object document = parse(message);
        byte[] text = LongReply.text(document, descriptors);
        return text == null ? document : parse(text);
    }

    private static @Nullable Object parse(byte[] text) {
        return JsonReader.parse(new String(text, StandardCharsets.UTF_8));
    }

    private void send(String line, Mapping memory) throws Unanswered {
        byte[] request = line.getBytes(StandardCharsets.UTF_8);
        RawMemory.copyFromArray(request, 0, memory.address(), request.length);
        try {
            DescriptorMessage.send(socket, memory.address(), request.length, new int[0], 0);
        } catch (SyscallException e) {
            if (e.errno() == Errno.EPIPE) {
                throw new Unanswered(path);
            }
            throw e;
        }
    }

    private long receive(Mapping memory, List<Fd> descriptors) throws Unanswered {
        try {
            return new DescriptorMessage.Receiver().receive(socket, memory.address(), memory.length(), descriptors, 0);
        } catch (SyscallException e) {
            if (e.errno() == Errno.ECONNRESET) {
                throw new Unanswered(path);
            }
            throw e;
        }
    }

    @Override
    public void close() {
        socket.close();
    }
}
