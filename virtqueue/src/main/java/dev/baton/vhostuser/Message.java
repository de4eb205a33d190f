package dev.baton.vhostuser;

import dev.baton.ffi.Fd;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * One message in a fixed buffer, with the descriptors that came with it.
 *
 * <pre>
 *   0         4         8         12
 *   +---------+---------+---------+---------------------+
 *   | request | flags   | size    | body: size bytes    |
 *   +---------+---------+---------+---------------------+
 *              bits 0-1  version, 1
 *              bit  2    reply
 *              bit  3    need_reply
 * </pre>
 *
 * <p>The message owns its descriptors until one is taken; {@link #clear} closes the others.
 */
final class Message {
    static final int HEADER_BYTES = 12;
    /** No request that Baton serves comes near; a larger one is refused by its header. */
    static final int MAX_BODY_BYTES = 4096;
    static final int MAX_DESCRIPTORS = 8;

    static final int VERSION = 1;
    static final int FLAG_REPLY = 1 << 2;
    static final int FLAG_NEED_REPLY = 1 << 3;
    static final int VERSION_MASK = 3;
    static final int KNOWN_FLAGS = VERSION_MASK | FLAG_REPLY | FLAG_NEED_REPLY;

    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.nativeOrder());
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.nativeOrder());

    // Collected memory: no close to forget, and nothing to race with a reader of another thread.
    private final MemorySegment bytes = Arena.ofAuto().allocate(HEADER_BYTES + MAX_BODY_BYTES, Long.BYTES);
    private final List<Fd> descriptors = new ArrayList<>();

    int code() {
        return bytes.get(INT, 0);
    }

    int flags() {
        return bytes.get(INT, 4);
    }

    /** Size of the body as the header claims it; unsigned. */
    int bodyBytes() {
        return bytes.get(INT, 8);
    }

    boolean needsReply() {
        return (flags() & FLAG_NEED_REPLY) != 0;
    }

    String name() {
        return Request.describe(code());
    }

    /** The 32-bit number at this place of the body. */
    int int32(int offset) {
        return bytes.get(INT, HEADER_BYTES + offset);
    }

    /** The 64-bit number at this place of the body. */
    long int64(int offset) {
        return bytes.get(LONG, HEADER_BYTES + offset);
    }

    void header(int code, int flags, int bodyBytes) {
        bytes.set(INT, 0, code);
        bytes.set(INT, 4, flags);
        bytes.set(INT, 8, bodyBytes);
    }

    Message int32(int offset, int value) {
        bytes.set(INT, HEADER_BYTES + offset, value);
        return this;
    }

    Message int64(int offset, long value) {
        bytes.set(LONG, HEADER_BYTES + offset, value);
        return this;
    }

    byte int8(int offset) {
        return bytes.get(ValueLayout.JAVA_BYTE, HEADER_BYTES + offset);
    }

    void int8(int offset, byte value) {
        bytes.set(ValueLayout.JAVA_BYTE, HEADER_BYTES + offset, value);
    }

    /** Address of the first header byte. */
    long address() {
        return bytes.address();
    }

    /** The whole buffer, header first. */
    MemorySegment bytes() {
        return bytes;
    }

    List<Fd> descriptors() {
        return descriptors;
    }

    /** The descriptor at this place becomes the caller's. */
    Fd takeDescriptor(int index) {
        return descriptors.remove(index);
    }

    /** Closes the descriptors that nobody took. */
    void clear() {
        descriptors.forEach(Fd::close);
        descriptors.clear();
    }
}
