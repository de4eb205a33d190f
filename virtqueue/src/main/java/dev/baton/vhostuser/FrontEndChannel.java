package dev.baton.vhostuser;

import dev.baton.ffi.Errno;
import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.Poll;
import dev.baton.ffi.SyscallException;
import dev.baton.ffi.UnixSocket;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** The socket of a {@link FrontEnd}: sends messages, well-formed or not, and waits for replies until time is up. */
public final class FrontEndChannel implements AutoCloseable {
    private static final long RETRY_NS = TimeUnit.MILLISECONDS.toNanos(2);

    private final Fd socket;
    private final long timeoutNs;
    private final Message outgoing = new Message();
    private final MessageReader reader = new MessageReader(new ReplySyntax());

    FrontEndChannel(Fd socket, Duration timeout) {
        this.socket = socket;
        this.timeoutNs = timeout.toNanos();
        FileIo.setNonBlocking(socket, true);
    }

    static Fd connect(Path path, Duration timeout) throws ProtocolException {
        long start = System.nanoTime();
        while (true) {
            try {
                return UnixSocket.connect(path, UnixSocket.STREAM);
            } catch (SyscallException e) {
                if (e.errno() != Errno.ENOENT && e.errno() != Errno.ECONNREFUSED) {
                    throw new ProtocolException(ErrorKind.SOCKET_FAILED, e);
                }
                if (System.nanoTime() - start > timeout.toNanos()) {
                    throw new ProtocolException(ErrorKind.TIMEOUT, "nobody listens: " + e.getMessage(), e);
                }
                LockSupport.parkNanos(RETRY_NS);
            }
        }
    }

    static Fd accept(Fd listener, Duration timeout) throws ProtocolException {
        Fd connection = Poll.await(listener, Poll.IN, timeout.toMillis()) == 0
            ? null
            : UnixSocket.accept(listener, true);
        if (connection == null) {
            throw new ProtocolException(ErrorKind.TIMEOUT, "nobody connected within " + timeout);
        }
        return connection;
    }

    /** The socket, still owned by the channel. */
    public Fd socket() {
        return socket;
    }

    /** Sends bytes as they are; the descriptors go with the first of them and stay the caller's. */
    public void send(byte[] bytes, Fd... descriptors) throws ProtocolException {
        // A message may be as long as a malformed one: in pieces of what the buffer holds.
        MemorySegment buffer = outgoing.bytes();
        int sent = 0;
        while (sent < bytes.length) {
            int piece = (int) Math.min(bytes.length - sent, buffer.byteSize());
            MemorySegment.copy(bytes, sent, buffer, ValueLayout.JAVA_BYTE, 0, piece);
            sendBuffer(piece, sent == 0 ? descriptors : new Fd[0]);
            sent += piece;
        }
    }

    /** Sends a request with this body; {@code needReply} sets the flag of that name. */
    public void send(Request request, boolean needReply, byte[] body, Fd... descriptors) throws ProtocolException {
        send(encode(request.code(), needReply, body), descriptors);
    }

    /** The bytes of a request with this body. */
    public static byte[] encode(int code, boolean needReply, byte[] body) {
        Message message = new Message();
        message.header(code, Message.VERSION | (needReply ? Message.FLAG_NEED_REPLY : 0), body.length);
        MemorySegment.copy(body, 0, message.bytes(), ValueLayout.JAVA_BYTE, Message.HEADER_BYTES, body.length);
        return message.bytes().asSlice(0, Message.HEADER_BYTES + body.length).toArray(ValueLayout.JAVA_BYTE);
    }

    /**
     * Waits for the reply to this request.
     *
     * @return its body
     * @throws ProtocolException of kind TIMEOUT, VANISHED where the back end closed the connection, UNEXPECTED_REPLY
     */
    public long receive(Request request) throws ProtocolException {
        return receiveMessage(request).int64(0);
    }

    /** {@link #receive} of a whole message; the descriptors that came with it are for the caller to take. */
    Message receiveMessage(Request request) throws ProtocolException {
        reader.message().clear();
        MessageReader.Progress progress = reader.advance(socket);
        long start = System.nanoTime();
        while (progress == MessageReader.Progress.WAITING) {
            await(Poll.IN, start, request.name() + ": no reply");
            progress = reader.advance(socket);
        }
        if (progress == MessageReader.Progress.END) {
            throw new ProtocolException(ErrorKind.VANISHED, request + ": the back end closed the connection");
        }
        if (reader.message().code() != request.code()) {
            throw new ProtocolException(ErrorKind.UNEXPECTED_REPLY,
                request + ": a reply to " + reader.message().name());
        }
        return reader.message();
    }

    /** Closes the socket. */
    @Override
    public void close() {
        reader.close();
        socket.close();
    }

    long timeoutMs() {
        return TimeUnit.NANOSECONDS.toMillis(timeoutNs);
    }

    /** The buffer for the next message. */
    Message outgoing() {
        return outgoing;
    }

    void send(Message message, Fd... descriptors) throws ProtocolException {
        sendBuffer(Message.HEADER_BYTES + message.bodyBytes(), descriptors);
    }

    private void sendBuffer(int bytes, Fd[] descriptors) throws ProtocolException {
        int[] numbers = Arrays.stream(descriptors).mapToInt(Fd::value).toArray();
        long start = System.nanoTime();
        int sent = 0;
        while (sent < bytes) {
            int count = MessageWriter.send(socket, outgoing.address() + sent, bytes - sent,
                sent == 0 ? numbers : MessageWriter.NO_DESCRIPTORS);
            if (count == 0) {
                await(Poll.OUT, start, "the back end does not read");
            }
            sent += count;
        }
    }

    private void await(int event, long startNs, String what) throws ProtocolException {
        long leftMs = TimeUnit.NANOSECONDS.toMillis(timeoutNs - (System.nanoTime() - startNs));
        if (leftMs <= 0 || Poll.await(socket, event, leftMs) == 0) {
            throw new ProtocolException(ErrorKind.TIMEOUT, what + " within " + Duration.ofNanos(timeoutNs));
        }
    }
}
