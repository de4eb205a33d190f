package dev.baton.handover;

import dev.baton.ffi.Fd;
import dev.baton.handover.sbe.MessageHeaderDecoder;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import org.agrona.concurrent.UnsafeBuffer;
import org.jspecify.annotations.Nullable;

/**
 * A body that is being read, and believed in nothing.
 *
 * <p>The generated decoders do no more than find a value; whether it can be one is said here: every flag, number,
 * count, length and descriptor goes through a method that names it in the error. Lengths are checked before anything
 * is allocated; block lengths must be exactly those of the version, so that no count stands for nothing. What lies
 * outside the body is caught by the buffer, whose bounds checks the channel insists on.
 */
final class BodyReader {
    /** The most bytes of a string. */
    static final int MAX_TEXT_BYTES = 4096;

    private static final int NO_DESCRIPTOR = -1;

    private final Received received;
    private final UnsafeBuffer buffer;
    private int version;

    private BodyReader(Received received) {
        this.received = received;
        this.buffer = new UnsafeBuffer(received.body());
    }

    /** What is read from a body. */
    @FunctionalInterface
    interface Decoder<T> {
        T decode(BodyReader body) throws HandoverException;
    }

    /** Takes out the bytes of a field. */
    @FunctionalInterface
    interface Bytes {
        int get(byte[] destination, int offset, int length);
    }

    /** Decodes a section and passes its descriptors to the result; if that fails, they are closed. */
    static <T> T decode(Received received, Decoder<T> decoder) throws HandoverException {
        try (received) {
            T result = decoder.decode(new BodyReader(received));
            received.handOver();
            return result;
        } catch (IndexOutOfBoundsException e) {
            throw new HandoverException(received.label(), HandoverError.MALFORMED,
                "its content goes beyond its end", e);
        } catch (IllegalArgumentException | NullPointerException e) { // records that check themselves
            throw new HandoverException(received.label(), HandoverError.MALFORMED, "" + e.getMessage(), e);
        }
    }

    /** The name that errors give the section from now on. */
    void name(String portName) {
        received.name(portName);
    }

    /** The schema version that the message is in. */
    int version() {
        return version;
    }

    /** The schema version of these bytes, at least a message header. */
    static int versionOf(byte[] message) {
        return new MessageHeaderDecoder().wrap(new UnsafeBuffer(message), 0).version();
    }

    /** The schema version that the section's header tells; {@link #begin} checks that it is the message's too. */
    int announcedVersion() {
        return received.schemaVersion();
    }

    /** Checks the message's header: the message begins behind it, at {@link BodyWriter#START}. */
    UnsafeBuffer begin(int template, int blockLength) throws HandoverException {
        MessageHeaderDecoder header = new MessageHeaderDecoder().wrap(buffer, 0);
        version = header.version();
        if (header.schemaId() != MessageHeaderDecoder.SCHEMA_ID || header.templateId() != template) {
            throw malformed("its body is message " + header.templateId() + " of schema " + header.schemaId());
        }
        if (version != received.schemaVersion()) {
            throw received.error(HandoverError.UNKNOWN_VERSION, "its body is in schema version " + version
                + ", its header says " + received.schemaVersion());
        }
        if (header.blockLength() != blockLength) {
            throw malformed("a block of " + header.blockLength() + " bytes, not " + blockLength);
        }
        return buffer;
    }

    /** The message has been read up to {@code limit}, which has to be all of it. */
    void end(int limit) throws HandoverException {
        if (limit != buffer.capacity()) {
            throw malformed((buffer.capacity() - limit) + " bytes are left over");
        }
    }

    boolean flag(String field, short raw) throws HandoverException {
        if (raw != 0 && raw != 1) {
            throw malformed(field + " is " + raw + ", neither 0 nor 1");
        }
        return raw == 1;
    }

    int number(String field, int value, int min, int max) throws HandoverException {
        if (value < min || value > max) {
            throw malformed(field + " is " + value + ", not in " + min + " to " + max);
        }
        return value;
    }

    /** The number of entries of a group. */
    int count(String group, int count, int max, int actingBlockLength, int blockLength) throws HandoverException {
        if (actingBlockLength != blockLength) {
            throw malformed(group + ": a block of " + actingBlockLength + " bytes, not " + blockLength);
        }
        return number("number of " + group, count, 0, max);
    }

    String text(String field, int length, Bytes source) throws HandoverException {
        byte[] bytes = bytes(field, length, MAX_TEXT_BYTES, source);
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
        } catch (CharacterCodingException e) {
            throw new HandoverException(received.label(), HandoverError.MALFORMED, field + " is no UTF-8", e);
        }
    }

    /** A name: some text, and nothing that could break a line of a log. */
    String name(String field, int length, Bytes source) throws HandoverException {
        String name = text(field, length, source);
        if (name.isBlank() || name.codePoints().anyMatch(Character::isISOControl)) {
            throw malformed(field + " is none");
        }
        return name;
    }

    byte[] bytes(String field, int length, int max, Bytes source) throws HandoverException {
        if (length < 0 || length > max) {
            throw malformed(field + " has " + Integer.toUnsignedString(length) + " bytes; " + max + " are the most");
        }
        if (length > buffer.capacity()) {
            throw malformed(field + " goes beyond the end of the section");
        }
        byte[] bytes = new byte[length];
        source.get(bytes, 0, length);
        return bytes;
    }

    Fd descriptor(int index, DescriptorKind kind, String role) throws HandoverException {
        return received.claim(index, kind, role);
    }

    @Nullable Fd optional(int index, DescriptorKind kind, String role) throws HandoverException {
        return index == NO_DESCRIPTOR ? null : received.claim(index, kind, role);
    }

    HandoverException malformed(String reason) {
        return received.error(HandoverError.MALFORMED, reason);
    }
}
