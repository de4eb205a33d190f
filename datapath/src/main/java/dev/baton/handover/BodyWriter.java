package dev.baton.handover;

import dev.baton.ffi.Fd;
import dev.baton.handover.sbe.Flag;
import dev.baton.handover.sbe.MessageHeaderEncoder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.agrona.ExpandableArrayBuffer;
import org.jspecify.annotations.Nullable;

/** A body that is being written, and the descriptors that go with it. */
final class BodyWriter {
    /** The schema version that this Baton writes if the peer can read it. */
    static final int SCHEMA_VERSION = MessageHeaderEncoder.SCHEMA_VERSION;
    /** Where the message begins, after its own header. */
    static final int START = MessageHeaderEncoder.ENCODED_LENGTH;

    private static final int NO_DESCRIPTOR = -1;

    private final ExpandableArrayBuffer buffer = new ExpandableArrayBuffer();
    private final List<Fd> descriptors = new ArrayList<>();

    /**
     * Writes the message's header.
     *
     * @param version     schema version of the message
     * @param blockLength length of its block in that version
     * @return the buffer, in which the message is to be written at {@link #START}
     */
    ExpandableArrayBuffer begin(int template, int version, int blockLength) {
        new MessageHeaderEncoder().wrap(buffer, 0).blockLength(blockLength).templateId(template)
            .schemaId(MessageHeaderEncoder.SCHEMA_ID).version(version);
        return buffer;
    }

    /** The index that a descriptor has in this section. */
    int descriptor(@Nullable Fd fd) {
        if (fd == null) {
            return NO_DESCRIPTOR;
        }
        descriptors.add(fd);
        return descriptors.size() - 1;
    }

    List<Fd> descriptors() {
        return descriptors;
    }

    /** The body, which ends at {@code limit}. */
    byte[] body(int limit) {
        return Arrays.copyOf(buffer.byteArray(), limit);
    }

    static Flag flag(boolean value) {
        return value ? Flag.YES : Flag.NO;
    }
}
