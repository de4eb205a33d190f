package dev.baton.offload;

import dev.baton.coalesce.InternetChecksum;
import dev.baton.ffi.RawMemory;
import dev.baton.virtqueue.VirtioNetHeader;

/**
 * The headers of a frame that is to be cut, and what becomes of them in each frame that is cut from it.
 *
 * <pre>
 *   address  virtio-net  Ethernet, up to two VLAN tags   IPv4 or IPv6, options   UDP or TCP, options
 *            0           12                              network                 transport              payload
 *                                                        these count from the end of the virtio-net header
 * </pre>
 */
final class SegmentHeaders {
    private static final int NET_HEADER = VirtioNetHeader.LENGTH;
    private static final int ETHERNET = 14;
    private static final int ETHERTYPE = 12;
    private static final int VLAN_TAG = 4;
    private static final int MAX_VLAN_TAGS = 2;
    private static final int IPV4_BYTES = 20;
    private static final int IPV6_BYTES = 40;
    private static final int UDP_BYTES = 8;
    private static final int TCP_BYTES = 20;
    private static final int MAX_IP_BYTES = 0xFFFF;

    private static final int ETHERTYPE_IPV4 = 0x0800;
    private static final int ETHERTYPE_IPV6 = 0x86DD;
    private static final int ETHERTYPE_VLAN = 0x8100;
    private static final int ETHERTYPE_SERVICE_VLAN = 0x88A8;
    /** More fragments, and the offset of this one. */
    private static final int FRAGMENT = 0x3FFF;

    private static final int TCP = 6;
    private static final int UDP = 17;
    private static final int TCP_CHECKSUM = 16;
    private static final int UDP_CHECKSUM = 6;
    private static final int TCP_FLAGS = 13;
    private static final int FIN_AND_PSH = 0x09;
    private static final int CWR = 0x80;

    private final long address;
    private final long frame;
    private final int room;
    private boolean ipv6;
    private boolean tcp;
    private int network;
    private int transport;
    private int payload;
    private int id;
    private int sequence;
    private int flags;

    /** Headers that will lie at this address, which has so much room. */
    SegmentHeaders(long address, int room) {
        this.address = address;
        this.frame = address + NET_HEADER;
        this.room = room;
    }

    long address() {
        return address;
    }

    /** Bytes of the headers, virtio-net header included; behind them the payload begins. */
    int length() {
        return NET_HEADER + payload;
    }

    /**
     * Takes the headers of a frame that nobody changes meanwhile.
     *
     * @param copy   address of its virtio-net header, which is one of those that {@link Requests#fit}
     * @param length its bytes, virtio-net header included
     * @param type   its GSO type, without the bit for ECN
     * @return false when they are none that this type stands for
     */
    boolean begin(long copy, int length, int type) {
        int copied = Math.min(length, room);
        if (copied < NET_HEADER + ETHERNET + IPV4_BYTES + UDP_BYTES) {
            return false;
        }
        RawMemory.copy(copy, address, copied);
        tcp = type != VirtioNetHeader.GSO_UDP_L4;
        transport = VirtioNetHeader.csumStart(address);
        if (VirtioNetHeader.csumOffset(address) != checksumOffset() || !network(type, copied - NET_HEADER)) {
            return false;
        }
        if (transport + (tcp ? TCP_BYTES : UDP_BYTES) > copied - NET_HEADER) {
            return false;
        }
        payload = transport + (tcp ? RawMemory.getByte(frame + transport + 12) >> 2 & 0x3C : UDP_BYTES);
        if (payload < transport + (tcp ? TCP_BYTES : UDP_BYTES) || payload > copied - NET_HEADER) {
            return false;
        }
        sequence = Integer.reverseBytes(RawMemory.getInt(frame + transport + 4));
        flags = tcp ? RawMemory.getByte(frame + transport + TCP_FLAGS) : 0;
        VirtioNetHeader.plain(address);
        return true;
    }

    private boolean network(int type, int bytes) {
        network = ETHERNET;
        int etherType = number(frame + ETHERTYPE);
        for (int tags = 0; tags < MAX_VLAN_TAGS && isVlan(etherType); tags++) {
            etherType = number(frame + network + VLAN_TAG - Short.BYTES);
            network += VLAN_TAG;
        }
        ipv6 = etherType == ETHERTYPE_IPV6;
        if (network + (ipv6 ? IPV6_BYTES : IPV4_BYTES) > bytes) {
            return false;
        }
        int version = RawMemory.getByte(frame + network) >> 4 & 0xF;
        if (ipv6) {
            // What lies between the headers are extension headers, which stay as they are.
            return type != VirtioNetHeader.GSO_TCPV4 && version == 6 && transport >= network + IPV6_BYTES;
        }
        id = number(frame + network + 4);
        return type != VirtioNetHeader.GSO_TCPV6 && etherType == ETHERTYPE_IPV4 && version == 4
            && transport == network + ipv4Bytes() && transport >= network + IPV4_BYTES && transport <= bytes
            && RawMemory.getByte(frame + network + 9) == (tcp ? TCP : UDP)
            && (number(frame + network + 6) & FRAGMENT) == 0;
    }

    private static boolean isVlan(int etherType) {
        return etherType == ETHERTYPE_VLAN || etherType == ETHERTYPE_SERVICE_VLAN;
    }

    private int ipv4Bytes() {
        return (RawMemory.getByte(frame + network) & 0xF) * 4;
    }

    private int checksumOffset() {
        return tcp ? TCP_CHECKSUM : UDP_CHECKSUM;
    }

    /** Whether IP can say how long a frame with so many bytes of payload is. */
    boolean fits(int payloadBytes) {
        return payload - network + payloadBytes <= MAX_IP_BYTES;
    }

    /**
     * Makes them the headers of a frame that is cut; its checksum is yet to come.
     *
     * @param index        how many are cut before it
     * @param offset       bytes of payload in them
     * @param payloadBytes bytes of payload in it
     * @param last         whether none follows
     */
    void become(int index, int offset, int payloadBytes, boolean last) {
        if (ipv6) {
            number(frame + network + 4, payload - network - IPV6_BYTES + payloadBytes);
        } else {
            number(frame + network + 2, payload - network + payloadBytes);
            number(frame + network + 4, id + index);
            RawMemory.putShort(frame + network + 10, (short) 0);
            long sum = InternetChecksum.add(0, frame + network, ipv4Bytes());
            RawMemory.putShort(frame + network + 10, (short) ~InternetChecksum.fold(sum));
        }
        if (tcp) {
            RawMemory.putInt(frame + transport + 4, Integer.reverseBytes(sequence + offset));
            int kept = flags & ~(index > 0 ? CWR : 0) & ~(last ? 0 : FIN_AND_PSH);
            RawMemory.putByte(frame + transport + TCP_FLAGS, (byte) kept);
        } else {
            number(frame + transport + 4, UDP_BYTES + payloadBytes);
        }
    }

    /** Sum of the pseudo header (RFC 768, RFC 9293, RFC 8200) of a frame with so many bytes of payload. */
    long pseudoHeader(int payloadBytes) {
        long sum = ipv6 ? InternetChecksum.add(0, frame + network + 8, 32)
            : InternetChecksum.add(0, frame + network + 12, 8);
        int transportBytes = payload - transport + payloadBytes;
        return InternetChecksum.add(InternetChecksum.add(sum, tcp ? TCP : UDP), transportBytes);
    }

    /** Leaves the checksum to the receiver. */
    void leaveChecksum(long pseudoHeader) {
        VirtioNetHeader.flags(address, VirtioNetHeader.NEEDS_CSUM);
        VirtioNetHeader.csumStart(address, transport);
        VirtioNetHeader.csumOffset(address, checksumOffset());
        RawMemory.putShort(frame + transport + checksumOffset(), (short) InternetChecksum.fold(pseudoHeader));
    }

    /** Fills in the checksum, of which all but the transport header is summed up. */
    void checksum(long sumOfTheRest) {
        long place = frame + transport + checksumOffset();
        RawMemory.putShort(place, (short) 0);
        long sum = InternetChecksum.add(sumOfTheRest, frame + transport, payload - transport);
        int checksum = ~InternetChecksum.fold(sum) & 0xFFFF;
        // 0 would mean that there is none (RFC 768); in ones' complement both are the same.
        RawMemory.putShort(place, (short) (checksum == 0 ? 0xFFFF : checksum));
    }

    /** A number of 16 bits in network byte order. */
    private static int number(long address) {
        return Short.reverseBytes(RawMemory.getShort(address)) & 0xFFFF;
    }

    private static void number(long address, int value) {
        RawMemory.putShort(address, Short.reverseBytes((short) value));
    }
}
