package dev.baton.vhostuser;

import dev.baton.ffi.DescriptorMessage;
import dev.baton.ffi.Errno;
import dev.baton.ffi.Fd;
import dev.baton.ffi.SyscallException;
import dev.baton.ffi.TruncatedControlException;

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
        if (hasHeader() && receivedBytes == wholeBytes()) {
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
