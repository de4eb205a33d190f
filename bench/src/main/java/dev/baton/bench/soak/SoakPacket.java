package dev.baton.bench.soak;

import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import dev.baton.tools.traffic.InternetChecksum;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.VirtioNetHeader;
import java.util.random.RandomGenerator;

/**
 * A frame whose checksum, or whose segmentation, its sender leaves to others: UDP or TCP over IPv4 or IPv6. What it
 * carries are parts ({@link SoakPart}), each with a number of its own and all that is needed to know the whole frame
 * again, so that a receiver can tell what each part had to look like, byte for byte, whether it comes with the others
 * or alone.
 *
 * <p>Or a <i>train</i>: the sender has cut it itself, each part is a frame, and those in a row may come as one.
 *
 * <pre>
 *   virtio-net | Ethernet | IP | UDP or TCP | part | part | ... | last part
 * </pre>
 *
 * <p>A frame takes as many numbers as it has parts, from {@code first} on; one that only asks for a checksum has one
 * part. For one thread.
 */
final class SoakPacket implements AutoCloseable {
    /** Ethernet header, IP packet. */
    static final int MAX_BYTES = 14 + 65535;

    private static final int ETHERNET = 14;
    private static final int TYPE = 12;
    private static final int IPV4_TYPE = 0x0800;
    private static final int IPV6_TYPE = 0x86dd;
    private static final int IPV4_BYTES = 20;
    private static final int IPV6_BYTES = 40;
    private static final int TCP_BYTES = 20;
    private static final int UDP_BYTES = 8;
    private static final int TCP = 6;
    private static final int UDP = 17;
    private static final int TCP_CHECKSUM = 16;
    private static final int UDP_CHECKSUM = 6;
    private static final int TCP_ACK = 0x10;
    private static final int TCP_PSH = 0x08;
    private static final int TCP_CWR = 0x80;

    private static final int KIND_IPV6 = 1;
    private static final int KIND_TCP = 2;
    private static final int KIND_CUT = 4;
    private static final int KIND_ECN = 8;
    private static final int KIND_TRAIN = 16;
    /** The sender has filled in the checksum. */
    private static final int KIND_SUMMED = 32;

    /** What a frame of one part, cut or whole, has room for in 1514 bytes, whatever its headers. */
    private static final int MOST_PART_BYTES = 1514 - ETHERNET - IPV6_BYTES - TCP_BYTES;
    /** Parts of a frame at most. */
    static final int MOST_PARTS = 64;

    /** Where frames are written that were expected. */
    private final Mapping expected = Mapping.anonymous(MAX_BYTES);

    private int stream;
    private long first;
    private int parts;
    private int partBytes;
    private int lastBytes;
    private int kind;
    /** Of the parts in the frame that is looked at, and how many there are. */
    private final int[] indices = new int[MOST_PARTS];
    private int count;

    /** Whether a driver with these features may send such a frame at all. */
    static boolean maySend(long features) {
        return (features & Features.CSUM) != 0;
    }

    /**
     * Makes up a frame that a driver with these features may send.
     *
     * @return how many numbers it takes
     */
    int draw(long features, RandomGenerator random) {
        kind = random.nextInt(4);
        boolean tcp = (kind & KIND_TCP) != 0;
        long needed = !tcp ? Features.HOST_USO : (kind & KIND_IPV6) != 0 ? Features.HOST_TSO6 : Features.HOST_TSO4;
        if ((features & needed) != 0 && random.nextInt(3) > 0) {
            kind |= KIND_CUT | (tcp && (features & Features.HOST_ECN) != 0 && random.nextBoolean() ? KIND_ECN : 0);
        }
        drawParts((kind & KIND_CUT) != 0, random);
        holds(0, parts);
        return parts;
    }

    /**
     * Makes up a train for a driver with these features, or for the kernel, which has none; {@link #car} is next.
     *
     * @return how many frames it has, each of which takes a number
     */
    int drawTrain(long features, RandomGenerator random) {
        kind = random.nextInt(4) | KIND_TRAIN;
        kind |= maySend(features) && random.nextBoolean() ? 0 : KIND_SUMMED;
        drawParts(true, random);
        return parts;
    }

    private void drawParts(boolean several, RandomGenerator random) {
        partBytes = random.nextInt(SoakPart.MIN_BYTES, MOST_PART_BYTES + 1);
        int most = Math.min(MOST_PARTS, (MAX_BYTES - ETHERNET - IPV6_BYTES - TCP_BYTES) / partBytes);
        parts = several ? random.nextInt(2, random.nextBoolean() ? 6 : most + 1) : 1;
        lastBytes = several ? random.nextInt(SoakPart.MIN_BYTES, partBytes + 1) : partBytes;
    }

    /** The frame of the train that is to be written. */
    void car(int part) {
        holds(part, 1);
    }

    private void holds(int part, int inARow) {
        count = inARow;
        for (int i = 0; i < inARow; i++) {
            indices[i] = part + i;
        }
    }

    /**
     * Writes what was drawn, as its sender gives it away.
     *
     * @param header the virtio-net header, of 10 or 12 bytes that are zero; 0: the frame is given to the kernel
     * @param number of its first part
     */
    void write(long header, long frame, int ofStream, long number) {
        stream = ofStream;
        first = number - indices[0];
        if (!is(KIND_SUMMED)) {
            ask(header);
        }
        build(frame, !is(KIND_SUMMED));
    }

    /** Bytes of the frame. */
    int lengthBytes() {
        return headers() + payloadBytes();
    }

    private void ask(long header) {
        VirtioNetHeader.flags(header, VirtioNetHeader.NEEDS_CSUM);
        VirtioNetHeader.csumStart(header, transport());
        VirtioNetHeader.csumOffset(header, checksumOffset());
        if ((kind & KIND_CUT) != 0) {
            VirtioNetHeader.gsoType(header, gsoType());
            VirtioNetHeader.gsoSize(header, partBytes);
            VirtioNetHeader.headerBytes(header, headers());
        }
    }

    private boolean is(int bit) {
        return (kind & bit) != 0;
    }

    private int gsoType() {
        int type = !is(KIND_TCP) ? VirtioNetHeader.GSO_UDP_L4
            : is(KIND_IPV6) ? VirtioNetHeader.GSO_TCPV6 : VirtioNetHeader.GSO_TCPV4;
        return type | (is(KIND_ECN) ? VirtioNetHeader.GSO_ECN : 0);
    }

    private int transport() {
        return ETHERNET + (is(KIND_IPV6) ? IPV6_BYTES : IPV4_BYTES);
    }

    private int headers() {
        return transport() + (is(KIND_TCP) ? TCP_BYTES : UDP_BYTES);
    }

    private int checksumOffset() {
        return is(KIND_TCP) ? TCP_CHECKSUM : UDP_CHECKSUM;
    }

    private int payloadBytes() {
        return hasLast() ? (count - 1) * partBytes + lastBytes : count * partBytes;
    }

    private boolean hasLast() {
        return indices[count - 1] == parts - 1;
    }

    /** Writes the frame with these parts; returns its bytes. */
    private int build(long frame, boolean partial) {
        RawMemory.putLong(frame, SoakFrame.ADDRESSES);
        RawMemory.putInt(frame + Long.BYTES, 0);
        word(frame + TYPE, is(KIND_IPV6) ? IPV6_TYPE : IPV4_TYPE);
        int payload = payloadBytes();
        writeNetwork(frame + ETHERNET, headers() - ETHERNET + payload);
        writeTransport(frame + transport(), headers() - transport() + payload);
        long at = frame + headers();
        for (int i = 0; i < count; i++) {
            SoakPart.describe(at, stream, first, parts, partBytes, lastBytes, kind);
            at += SoakPart.seal(at, indices[i]);
        }
        fillIn(frame, headers() - transport() + payload, partial);
        return headers() + payload;
    }

    private void writeNetwork(long at, int bytes) {
        int protocol = is(KIND_TCP) ? TCP : UDP;
        if (is(KIND_IPV6)) {
            RawMemory.putInt(at, Integer.reverseBytes(0x6000_0000));
            word(at + 4, bytes - IPV6_BYTES);
            word(at + 6, protocol << 8 | 64);
            for (int i = 0; i < 32; i++) {
                RawMemory.putByte(at + 8 + i, (byte) (i % 16 == 0 ? 0xfd : i == 31 ? 2 : i == 15 ? 1 : 0));
            }
            return;
        }
        word(at, 0x4500);
        word(at + 2, bytes);
        word(at + 4, (int) first + indices[0]);
        word(at + 6, 0);
        word(at + 8, 64 << 8 | protocol);
        word(at + 10, 0);
        RawMemory.putInt(at + 12, Integer.reverseBytes(0xC633_6401));
        RawMemory.putInt(at + 16, Integer.reverseBytes(0xC000_0201));
        word(at + 10, InternetChecksum.of(0, at, IPV4_BYTES));
    }

    private void writeTransport(long at, int bytes) {
        // Another flow each time, so that nobody takes two frames for one that was cut.
        word(at, 1024 + stream);
        word(at + 2, 1024 + (int) (first & 0x7fff));
        if (!is(KIND_TCP)) {
            word(at + 4, bytes);
            return;
        }
        RawMemory.putInt(at + 4, Integer.reverseBytes((int) first * 7919 + indices[0] * partBytes));
        RawMemory.putInt(at + 8, Integer.reverseBytes(stream));
        int flags = TCP_ACK | (hasLast() ? TCP_PSH : 0) | (is(KIND_ECN) && isBeginning() ? TCP_CWR : 0);
        word(at + 12, ((TCP_BYTES / 4) << 12) | flags);
        word(at + 14, 8192);
        RawMemory.putInt(at + 16, 0);
    }

    private void fillIn(long frame, int transportBytes, boolean partial) {
        long place = frame + transport() + checksumOffset();
        int protocol = is(KIND_TCP) ? TCP : UDP;
        long sum = InternetChecksum.add(protocol + (long) transportBytes, frame + ETHERNET + (is(KIND_IPV6) ? 8 : 12),
            is(KIND_IPV6) ? 32 : 8);
        word(place, 0);
        int checksum = partial ? InternetChecksum.fold(sum)
            : InternetChecksum.of(sum, frame + transport(), transportBytes);
        word(place, checksum == 0 && !partial ? 0xffff : checksum);
    }

    private static void word(long at, int value) {
        RawMemory.putShort(at, Short.reverseBytes((short) value));
    }

    private static int word(long at) {
        return Short.toUnsignedInt(Short.reverseBytes(RawMemory.getShort(at)));
    }

    // ---- arrival

    /** Whether it is a frame of this class that has come, damaged or not; then its parts can be asked for. */
    boolean recognise(long frame, int length) {
        int type = word(frame + TYPE);
        if (type != IPV4_TYPE && type != IPV6_TYPE) {
            return false;
        }
        kind = type == IPV6_TYPE ? KIND_IPV6 : 0;
        kind |= RawMemory.getByte(frame + ETHERNET + (type == IPV6_TYPE ? 6 : 9)) == TCP ? KIND_TCP : 0;
        long at = frame + headers();
        if (length < headers() + SoakPart.MIN_BYTES || (SoakPart.kind(at) & 3) != kind) {
            return false;
        }
        kind = SoakPart.kind(at);
        stream = SoakPart.stream(at);
        first = SoakPart.first(at);
        parts = SoakPart.parts(at);
        partBytes = SoakPart.bytes(at);
        lastBytes = SoakPart.lastBytes(at);
        int index = SoakPart.index(at);
        int least = SoakPart.MIN_BYTES;
        if (parts < 1 || parts > MOST_PARTS || index < 0 || index >= parts || partBytes < least || lastBytes < least
            || lastBytes > partBytes || partBytes * parts >= MAX_BYTES - headers()) {
            return false;
        }
        boolean several = length > headers() + partBytes && (is(KIND_TRAIN) || index == 0);
        holds(index, several ? Math.min((length - headers() + partBytes - 1) / partBytes, parts - index) : 1);
        if (several && mayHaveGaps()) {
            findParts(at);
        }
        return true;
    }

    /** Nothing tells that a datagram is missing in a row of them without numbers, as those of IPv4 have. */
    private boolean mayHaveGaps() {
        return is(KIND_TRAIN) && is(KIND_IPV6) && !is(KIND_TCP);
    }

    private void findParts(long at) {
        for (int i = 1; i < count; i++) {
            indices[i] = SoakPart.index(at + (long) i * partBytes);
        }
    }

    /**
     * Whether what was recognised is, byte for byte, what a receiver with these features has to get.
     *
     * @param header its virtio-net header; 0: the kernel, which takes everything as it is, gives none
     */
    boolean isIntact(long header, long frame, int length, long features) {
        boolean whole = header == 0 || accepted(features);
        if (is(KIND_TRAIN) ? count > 1 && !whole : count != (whole ? parts : 1)) {
            return false;
        }
        boolean partial = isSegmented() || (!is(KIND_SUMMED) && (header == 0 || takesPartial(features)));
        return (header == 0 || isHeaderIntact(header, partial)) && build(expected.address(), partial) == length
            && isSame(frame, expected.address(), length);
    }

    private static boolean takesPartial(long features) {
        return (features & Features.GUEST_CSUM) != 0;
    }

    /** Whether it has come as one that is to be cut. */
    private boolean isSegmented() {
        return count > 1;
    }

    private static boolean isSame(long one, long other, int bytes) {
        return RawMemory.segment(one, bytes).mismatch(RawMemory.segment(other, bytes)) < 0;
    }

    private boolean isHeaderIntact(long header, boolean partial) {
        return VirtioNetHeader.flags(header) == (partial ? VirtioNetHeader.NEEDS_CSUM : 0)
            && VirtioNetHeader.gsoType(header) == (isSegmented() ? gsoType() : VirtioNetHeader.GSO_NONE)
            && (!isSegmented() || VirtioNetHeader.gsoSize(header) == partBytes)
            && (!partial || (VirtioNetHeader.csumStart(header) == transport()
                && VirtioNetHeader.csumOffset(header) == checksumOffset()));
    }

    /** Whether a driver with these features takes several parts as one frame (virtio 1.2, 5.1.3). */
    private boolean accepted(long features) {
        long needed = Features.GUEST_CSUM;
        needed |= !is(KIND_TCP) ? Features.GUEST_USO4 | Features.GUEST_USO6
            : is(KIND_IPV6) ? Features.GUEST_TSO6 : Features.GUEST_TSO4;
        needed |= is(KIND_ECN) ? Features.GUEST_ECN : 0;
        return parts == 1 || (features & needed) == needed;
    }

    int stream() {
        return stream;
    }

    /** The number of one of its parts. */
    long number(int part) {
        return first + indices[part];
    }

    /** How many parts it has. */
    int count() {
        return count;
    }

    /** How many parts the frame had that was sent. */
    int parts() {
        return parts;
    }

    /** Whether each of its parts was sent as a frame. */
    boolean isTrain() {
        return is(KIND_TRAIN);
    }

    /** Whether it is one of several that a frame was cut into. */
    boolean isPiece() {
        return count < parts && !isTrain();
    }

    /** Whether its first part is the first of the frame that was sent. */
    boolean isBeginning() {
        return indices[0] == 0;
    }

    /** Whether a receiver with these features, 0 for header as above, gets what was not sent and Baton has made. */
    boolean isChanged(long header, long features) {
        return header != 0 && (isPiece() || (!is(KIND_SUMMED) && !takesPartial(features)));
    }

    @Override
    public void close() {
        expected.close();
    }
}
