package dev.baton.vhostuser;

import dev.baton.ffi.DescriptorMessage;
import dev.baton.ffi.Errno;
import dev.baton.ffi.Fd;
import dev.baton.ffi.SyscallException;
import dev.baton.ffi.TruncatedControlException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * Puts messages together from a stream that may bring a byte at a time, stop anywhere, or end anywhere.
 *
 * <p><b>Theory of operation.</b> One call reads as far as the socket has something and never waits. It asks for the
 * header first and then for exactly the body that the header tells, so that no read goes beyond the end of a message:
 * descriptors travel with bytes, and those that come with this message's bytes are this message's. What has come is
 * kept until the rest does. A descriptor is owned by the message from the moment it is received; {@link Message#clear}
 * closes what nobody took, and {@link #close} what came with a message that never ended.
 */
final class MessageReader implements AutoCloseable {
    private final Message message = new Message();
    private final DescriptorMessage.Receiver receiver = new DescriptorMessage.Receiver(Message.MAX_DESCRIPTORS);
    private final MessageSyntax syntax;
    private int receivedBytes;

    MessageReader(MessageSyntax syntax) {
        this.syntax = syntax;
    }

    /** What the socket had. */
    enum Progress {
        /** A whole, well-formed message. */
        MESSAGE,
        /** Not all of a message yet; the rest is still to come. */
        WAITING,
        /** The other end is closed, between two messages. */
        END
    }

    /** The message that {@link Progress#MESSAGE} was about, until the next call. */
    Message message() {
        return message;
    }

    /** Whether the header of the current message has come; it may be malformed. */
    boolean hasHeader() {
        return receivedBytes >= Message.HEADER_BYTES;
    }

    /** Reads on; the message before has been cleared. */
    Progress advance(Fd socket) throws ProtocolException {
        if (!isPartial()) {
            receivedBytes = 0;
        }
        while (receivedBytes < Message.HEADER_BYTES) {
            Progress progress = read(socket, Message.HEADER_BYTES);
            if (progress != Progress.MESSAGE) {
                return progress;
            }
            if (hasHeader()) {
                syntax.checkHeader(message);
            }
        }
        while (receivedBytes < wholeBytes()) {
            Progress progress = read(socket, wholeBytes());
            if (progress != Progress.MESSAGE) {
                return progress;
            }
        }
        syntax.checkWhole(message);
        return Progress.MESSAGE;
    }

    /** Whether a message has begun whose rest is still to come. */
    boolean isPartial() {
        return receivedBytes > 0 && !(hasHeader() && receivedBytes == wholeBytes());
    }

    /** What has come of a message whose rest is still to come; empty between two messages. */
    byte[] partialBytes() {
        return message.bytes().asSlice(0, isPartial() ? receivedBytes : 0).toArray(ValueLayout.JAVA_BYTE);
    }

    /** The descriptors that came with {@link #partialBytes}, still owned by the message. */
    List<Fd> partialDescriptors() {
        return isPartial() ? List.copyOf(message.descriptors()) : List.of();
    }

    /**
     * Goes on where another reader of the same stream left off. Nothing has been read yet.
     *
     * @param bytes what that one had, untrusted
     * @param descriptors owned by the message from now on, whether it is refused or not
     */
    void restore(byte[] bytes, List<Fd> descriptors) throws ProtocolException {
        message.descriptors().addAll(descriptors);
        if (descriptors.size() > (bytes.length == 0 ? 0 : Message.MAX_DESCRIPTORS)) {
            throw new ProtocolException(ErrorKind.DESCRIPTOR_COUNT,
                descriptors.size() + " descriptors came with " + bytes.length + " bytes");
        }
        int copied = Math.min(bytes.length, Message.HEADER_BYTES + Message.MAX_BODY_BYTES);
        MemorySegment.copy(bytes, 0, message.bytes(), ValueLayout.JAVA_BYTE, 0, copied);
        receivedBytes = copied;
        if (hasHeader()) {
            syntax.checkHeader(message);
            if (bytes.length >= wholeBytes()) {
                throw new ProtocolException(ErrorKind.BODY_SIZE, message.name() + ": " + bytes.length
                    + " bytes are not the beginning of a message of " + wholeBytes());
            }
        }
    }

    @Override
    public void close() {
        message.clear();
    }

    private int wholeBytes() {
        return Message.HEADER_BYTES + message.bodyBytes();
    }

    /** One read of what is missing up to this many bytes. */
    private Progress read(Fd socket, int upTo) throws ProtocolException {
        long count;
        try {
            count = receiver.receive(socket, message.address() + receivedBytes, upTo - receivedBytes,
                message.descriptors(), DescriptorMessage.MSG_DONTWAIT);
        } catch (TruncatedControlException e) {
            throw new ProtocolException(ErrorKind.DESCRIPTOR_COUNT, describe() + ": " + e.getMessage(), e);
        } catch (SyscallException e) {
            if (e.errno() != Errno.ECONNRESET) {
                throw new ProtocolException(ErrorKind.SOCKET_FAILED, e);
            }
            count = 0;
        }
        if (count == -Errno.EAGAIN) {
            return Progress.WAITING;
        }
        if (count == 0) {
            if (receivedBytes > 0) {
                throw new ProtocolException(ErrorKind.VANISHED,
                    "the other end is closed after " + receivedBytes + " bytes of " + describe());
            }
            return Progress.END;
        }
        receivedBytes += (int) count;
        if (message.descriptors().size() > Message.MAX_DESCRIPTORS) {
            throw new ProtocolException(ErrorKind.DESCRIPTOR_COUNT,
                describe() + ": more than " + Message.MAX_DESCRIPTORS + " descriptors came with it");
        }
        return Progress.MESSAGE;
    }

    private String describe() {
        return hasHeader() ? message.name() : "a header";
    }
}
