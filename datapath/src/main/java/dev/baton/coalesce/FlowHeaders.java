package dev.baton.coalesce;

import dev.baton.ffi.IovecArray;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import dev.baton.virtqueue.VirtioNetHeader;

/**
 * The headers of the first frame of a run, copied out of the guest's memory, and what the headers of a next one have
 * to be for the kernel to make exactly them of these when it cuts: the rules are those by which it cuts UDP and TCP
 * ({@code __udp_gso_segment}, {@code tcp_gso_segment} and {@code inet_gso_segment} of Linux), turned round.
 *
 * <pre>
 *   address  virtio-net  Ethernet     IPv4 or IPv6   UDP or TCP with options
 *            0           12           26             26 + 20 or 40            + 8 or 20 to 60
 *                        offsets below count from here
 * </pre>
 *
 * <p>A guest may change its memory at any time, so each field of it is loaded once.
 *
 * <p>A receiver that takes no segmentation, as far as is known, has no runs: see {@link #takes}. For one thread;
 * allocates only when it is made.
 */
public final class FlowHeaders implements AutoCloseable {
    private static final int NET_HEADER = VirtioNetHeader.LENGTH;
    private static final int ETHERTYPE = 12;
    private static final int NETWORK = 14;
    private static final int IPV4_BYTES = 20;
    private static final int IPV6_BYTES = 40;
    private static final int UDP_BYTES = 8;
    private static final int TCP_BYTES = 20;
    private static final int MAX_TCP_BYTES = 60;
    /** Of all headers of a frame. */
    public static final int MAX_BYTES = NET_HEADER + NETWORK + IPV6_BYTES + MAX_TCP_BYTES;
    private static final int MIN_BYTES = NET_HEADER + NETWORK + IPV4_BYTES + UDP_BYTES;

    /** Numbers of 16 bits as they are loaded: network byte order in a little-endian load. */
    private static final int IPV4 = 0x0008;
    private static final int IPV6 = 0xDD86;
    private static final int DONT_FRAGMENT = 0x0040;

    private static final int UDP = 17;
    private static final int TCP = 6;
    private static final int TCP_FLAGS = 13;
    private static final int PSH = 0x08;
    private static final int ACK = 0x10;
    private static final int ECE = 0x40;

    private final Mapping memory = Mapping.anonymous(MAX_BYTES);
    private final long copy = memory.address();
    private final long frame = copy + NET_HEADER;

    private boolean udp;
    private boolean tcp4;
    private boolean tcp6;
    private boolean partial = true;
    private boolean verified;
    private int mostBytes;
    private boolean ipv6;
    private boolean tcp;
    private int transport;
    private int payload;
    private int segmentBytes;
    private int payloadBytes;
    private int frames;
    private int idStep;
    private boolean pushed;
    private boolean nextPushed;
    private boolean ended;

    /**
     * Says what the receiver takes.
     *
     * @param newUdp  UDP segmentation
     * @param newTcp4 TCP segmentation over IPv4
     * @param newTcp6 TCP segmentation over IPv6
     */
    public void takes(boolean newUdp, boolean newTcp4, boolean newTcp6) {
        udp = newUdp;
        tcp4 = newTcp4;
        tcp6 = newTcp6;
    }

    /** Address of the copy, virtio-net header first. */
    public long address() {
        return copy;
    }

    /** Bytes of the copy, and of the headers of each frame of the run. */
    public int length() {
        return NET_HEADER + payload;
    }

    /** Bytes of the payload of each frame of the run but the last, which may have fewer. */
    public int segmentBytes() {
        return segmentBytes;
    }

    /** Frames of the run. */
    public int frames() {
        return frames;
    }

    /** Bytes of the one frame that the run is, its virtio-net header among them. */
    public int runBytes() {
        return NET_HEADER + payload + payloadBytes;
    }

    /** Says whether a frame may leave its checksum to the receiver, as it may at first; one that must not is no run. */
    public void partial(boolean allowed) {
        partial = allowed;
    }

    /** Says whether a frame comes from one who may vouch for its checksum (DATA_VALID): the kernel, but no guest. */
    public void verified(boolean allowed) {
        verified = allowed;
    }

    /**
     * Begins a run with a frame; returns false when it is none that others can follow. Its checksum is not looked at.
     *
     * @param address of its virtio-net header
     * @param room    bytes of its first segment
     * @param length  bytes of all its segments
     * @param most    bytes that {@link #runBytes} may become
     */
    public boolean begin(long address, long room, int length, int most) {
        if (room < MIN_BYTES || length > most || !(udp || tcp4 || tcp6)) {
            return false;
        }
        mostBytes = most;
        int copied = (int) Math.min(room, MAX_BYTES);
        RawMemory.copy(address, copy, copied);
        int bytes = length - NET_HEADER;
        if (!network(bytes) || !isTaken() || !transport(bytes) || NET_HEADER + payload > copied
            || !asksForNoMore(copy)) {
            return false;
        }
        segmentBytes = bytes - payload;
        payloadBytes = segmentBytes;
        frames = 1;
        pushed = false;
        nextPushed = false;
        ended = false;
        return segmentBytes > 0;
    }

    private boolean isTaken() {
        return tcp ? ipv6 ? tcp6 : tcp4 : udp;
    }

    private boolean network(int bytes) {
        int type = RawMemory.getShort(frame + ETHERTYPE) & 0xFFFF;
        ipv6 = type == IPV6;
        if (ipv6) {
            transport = NETWORK + IPV6_BYTES;
            tcp = RawMemory.getByte(frame + 20) == TCP;
            return (tcp || RawMemory.getByte(frame + 20) == UDP) && (RawMemory.getByte(frame + NETWORK) & 0xF0) == 0x60
                && number(frame + 18) == bytes - transport;
        }
        transport = NETWORK + IPV4_BYTES;
        tcp = RawMemory.getByte(frame + 23) == TCP;
        return type == IPV4 && (tcp || RawMemory.getByte(frame + 23) == UDP)
            && RawMemory.getByte(frame + NETWORK) == 0x45 && number(frame + 16) == bytes - NETWORK
            && (RawMemory.getShort(frame + 20) & ~DONT_FRAGMENT) == 0
            && InternetChecksum.fold(InternetChecksum.add(0, frame + NETWORK, IPV4_BYTES)) == InternetChecksum.RIGHT;
    }

    private boolean transport(int bytes) {
        long at = frame + transport;
        if (!tcp) {
            payload = transport + UDP_BYTES;
            return number(at + 4) == bytes - transport && RawMemory.getShort(at + 6) != 0;
        }
        int offset = RawMemory.getByte(at + 12);
        payload = transport + (offset >> 2 & 0x3C);
        // A segment with PSH or FIN is the last that the kernel makes, so nothing can follow it.
        return (offset & 0x0F) == 0 && payload >= transport + TCP_BYTES
            && (RawMemory.getByte(at + TCP_FLAGS) & ~ECE) == ACK;
    }

    /** Whether a virtio-net header asks for nothing, or for the checksum of the transport header at most. */
    private boolean asksForNoMore(long header) {
        int flagsAndType = RawMemory.getShort(header);
        int place = RawMemory.getInt(header + VirtioNetHeader.CSUM_START_OFFSET);
        return flagsAndType == 0 || (verified && flagsAndType == VirtioNetHeader.DATA_VALID)
            || (partial && flagsAndType == VirtioNetHeader.NEEDS_CSUM && place == (transport | checksumOffset() << 16));
    }

    private int checksumOffset() {
        return tcp ? 16 : 6;
    }

    /**
     * Whether a frame's headers are those of the next one of the run, and there is room for it; parameters as for
     * {@link #begin}. The caller has yet to check its checksum, and then {@link #append} it.
     */
    public boolean follows(long address, long room, int length) {
        int bytes = length - NET_HEADER - payload;
        long next = address + NET_HEADER;
        return !ended && room >= NET_HEADER + payload && bytes > 0 && bytes <= segmentBytes
            && payload - NETWORK + payloadBytes + bytes <= 0xFFFF && runBytes() + bytes <= mostBytes
            && asksForNoMore(address)
            && sameLong(next, 0) && sameLong(next, 8) && sameNetwork(next, bytes)
            && (tcp ? sameTcp(next) : sameUdp(next, bytes));
    }

    /** The rest of the IP header; its version, and IPv4's TOS, were in the first 16 bytes. */
    private boolean sameNetwork(long next, int bytes) {
        if (ipv6) {
            return sameShort(next, 16) && number(next + 18) == payload - transport + bytes && sameShort(next, 20)
                && sameLong(next, 22) && sameLong(next, 30) && sameLong(next, 38) && sameLong(next, 46);
        }
        return number(next + 16) == payload - NETWORK + bytes && sameId(next) && sameShort(next, 20)
            && sameShort(next, 22) && sameLong(next, 26)
            && InternetChecksum.fold(InternetChecksum.add(0, next + NETWORK, IPV4_BYTES)) == InternetChecksum.RIGHT;
    }

    /**
     * The kernel counts the identification up from segment to segment. Where fragments are forbidden it means nothing
     * and nobody may look at it (RFC 6864, 4.1), so there it may also stay the same.
     */
    private boolean sameId(long next) {
        int distance = number(next + 18) - number(frame + 18) & 0xFFFF;
        if (frames == 1) {
            idStep = distance;
            return distance == 1 || (distance == 0 && RawMemory.getShort(frame + 20) == DONT_FRAGMENT);
        }
        return distance == (idStep * frames & 0xFFFF);
    }

    private boolean sameUdp(long next, int bytes) {
        return sameInt(next, transport) && number(next + transport + 4) == UDP_BYTES + bytes
            && RawMemory.getShort(next + transport + 6) != 0;
    }

    private boolean sameTcp(long next) {
        int sequence = Integer.reverseBytes(RawMemory.getInt(next + transport + 4));
        int expected = Integer.reverseBytes(RawMemory.getInt(frame + transport + 4)) + payloadBytes;
        int offsetAndFlags = RawMemory.getShort(next + transport + 12);
        nextPushed = (offsetAndFlags & PSH << 8) != 0;
        return sequence == expected && sameInt(next, transport) && sameInt(next, transport + 8)
            && (offsetAndFlags & ~(PSH << 8)) == RawMemory.getShort(frame + transport + 12)
            && sameShort(next, transport + 14) && sameShort(next, transport + 18) && sameOptions(next);
    }

    private boolean sameOptions(long next) {
        for (int offset = transport + TCP_BYTES; offset < payload; offset += 4) {
            if (!sameInt(next, offset)) {
                return false;
            }
        }
        return true;
    }

    /** Whether a frame as long as the first one could still be part of the run. */
    public boolean takesMore() {
        return !ended && payload - NETWORK + payloadBytes + segmentBytes <= 0xFFFF
            && runBytes() + segmentBytes <= mostBytes;
    }

    /** The frame that {@link #follows}, of so many bytes, is part of the run. */
    public void append(int length) {
        int bytes = length - NET_HEADER - payload;
        payloadBytes += bytes;
        frames++;
        pushed = nextPushed;
        ended = pushed || bytes < segmentBytes;
    }

    /**
     * Whether the checksum of a frame of the run is right; of one that is still to be computed, whether what is there
     * is what it starts from.
     *
     * @param list    has the frame
     * @param first   the entry that it begins in, with all its headers
     * @param length  its bytes, virtio-net header included
     */
    public boolean isChecksumRight(IovecArray list, int first, int length) {
        long address = list.base(first);
        int flags = VirtioNetHeader.flags(address);
        if (verified && flags == VirtioNetHeader.DATA_VALID) {
            return true;
        }
        int headerBytes = NET_HEADER + transport;
        long sum = pseudoHeader(length - headerBytes);
        if (flags == VirtioNetHeader.NEEDS_CSUM) {
            return (RawMemory.getShort(address + checksumPlace()) & 0xFFFF) == InternetChecksum.fold(sum);
        }
        long bytes = Math.min(length, list.length(first)) - headerBytes;
        sum = InternetChecksum.add(sum, address + headerBytes, bytes);
        long left = length - headerBytes - bytes;
        for (int next = first + 1; left > 0; next++) {
            long chunk = Math.min(left, list.length(next));
            sum = ((length - headerBytes - left) & 1) == 0 ? InternetChecksum.add(sum, list.base(next), chunk)
                : InternetChecksum.addOdd(sum, list.base(next), chunk);
            left -= chunk;
        }
        return InternetChecksum.fold(sum) == InternetChecksum.RIGHT;
    }

    /** Where the checksum of a frame lies, counted from its virtio-net header. */
    private int checksumPlace() {
        return NET_HEADER + transport + checksumOffset();
    }

    /** Sum of the pseudo header (RFC 768, RFC 9293, RFC 8200) of a transport header and payload of so many bytes. */
    private long pseudoHeader(int bytes) {
        long sum = ipv6 ? InternetChecksum.add(0, frame + 22, 32) : InternetChecksum.add(0, frame + 26, 8);
        return InternetChecksum.add(InternetChecksum.add(sum, tcp ? TCP : UDP), bytes);
    }

    /** Makes the copy the headers of one frame that is the whole run, to be cut where it was put together. */
    public void finish() {
        int transportBytes = payload - transport + payloadBytes;
        VirtioNetHeader.flags(copy, VirtioNetHeader.NEEDS_CSUM);
        VirtioNetHeader.gsoType(copy, gsoType());
        VirtioNetHeader.headerBytes(copy, payload);
        VirtioNetHeader.gsoSize(copy, segmentBytes);
        VirtioNetHeader.csumStart(copy, transport);
        VirtioNetHeader.csumOffset(copy, checksumOffset());
        if (ipv6) {
            number(frame + 18, transportBytes);
        } else {
            number(frame + 16, transportBytes + IPV4_BYTES);
            RawMemory.putShort(frame + 24, (short) 0);
            long sum = InternetChecksum.add(0, frame + NETWORK, IPV4_BYTES);
            RawMemory.putShort(frame + 24, (short) ~InternetChecksum.fold(sum));
        }
        if (!tcp) {
            number(frame + transport + 4, transportBytes);
        } else if (pushed) {
            RawMemory.putByte(frame + transport + TCP_FLAGS,
                (byte) (RawMemory.getByte(frame + transport + TCP_FLAGS) | PSH));
        }
        RawMemory.putShort(copy + checksumPlace(), (short) InternetChecksum.fold(pseudoHeader(transportBytes)));
    }

    private int gsoType() {
        if (!tcp) {
            return VirtioNetHeader.GSO_UDP_L4;
        }
        return ipv6 ? VirtioNetHeader.GSO_TCPV6 : VirtioNetHeader.GSO_TCPV4;
    }

    @Override
    public void close() {
        memory.close();
    }

    private boolean sameShort(long next, int offset) {
        return RawMemory.getShort(next + offset) == RawMemory.getShort(frame + offset);
    }

    private boolean sameInt(long next, int offset) {
        return RawMemory.getInt(next + offset) == RawMemory.getInt(frame + offset);
    }

    private boolean sameLong(long next, int offset) {
        return RawMemory.getLong(next + offset) == RawMemory.getLong(frame + offset);
    }

    /** A number of 16 bits in network byte order. */
    private static int number(long address) {
        return Short.reverseBytes(RawMemory.getShort(address)) & 0xFFFF;
    }

    private static void number(long address, int value) {
        RawMemory.putShort(address, Short.reverseBytes((short) value));
    }
}
