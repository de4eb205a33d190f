package dev.baton.tools.traffic;

import dev.baton.ffi.RawMemory;

/**
 * Ethernet frames with ARP, ICMP echo or UDP in IPv4, written to and read from memory.
 *
 * <pre>
 *    0              14                  34          42
 *    +--------------+-------------------+-----------+---------
 *    | Ethernet     | IPv4, no options  | UDP, ICMP | payload
 *    +--------------+-------------------+-----------+---------
 *                   | ARP, 28 bytes          |
 * </pre>
 */
public final class Frames {
    /** Where the packet starts. */
    public static final int NETWORK = 14;
    /** Where the UDP or ICMP header starts. */
    public static final int TRANSPORT = 34;
    /** Where the payload of a UDP datagram or an echo starts. */
    public static final int PAYLOAD = 42;
    /** Where the checksum field is, from the UDP header. */
    public static final int UDP_CHECKSUM = 6;
    /** An ARP frame, bytes. */
    public static final int ARP_BYTES = 42;
    /** The shortest Ethernet frame without its check sequence, bytes. */
    public static final int MIN_BYTES = 60;

    static final int TYPE_IPV4 = 0x0800;
    static final int TYPE_ARP = 0x0806;
    static final int ICMP = 1;
    static final int UDP = 17;
    static final int ARP_REQUEST = 1;
    static final int ARP_REPLY = 2;
    static final int ECHO_REPLY = 0;
    static final int ECHO_REQUEST = 8;

    private static final int ARP_OPERATION = NETWORK + 6;
    private static final int ARP_SENDER = NETWORK + 8;
    private static final int ARP_TARGET = NETWORK + 18;
    private static final int IPV4_LENGTH = NETWORK + 2;
    private static final int IPV4_PROTOCOL = NETWORK + 9;
    private static final int IPV4_CHECKSUM = NETWORK + 10;
    private static final int IPV4_SOURCE = NETWORK + 12;
    private static final int IPV4_DESTINATION = NETWORK + 16;

    private Frames() {
    }

    static int int16(long address) {
        return Short.toUnsignedInt(Short.reverseBytes(RawMemory.getShort(address)));
    }

    static void int16(long address, int value) {
        RawMemory.putShort(address, Short.reverseBytes((short) value));
    }

    static int int32(long address) {
        return Integer.reverseBytes(RawMemory.getInt(address));
    }

    static void int32(long address, int value) {
        RawMemory.putInt(address, Integer.reverseBytes(value));
    }

    static long mac(long address) {
        return (long) int16(address) << 32 | Integer.toUnsignedLong(int32(address + 2));
    }

    static void mac(long address, long mac) {
        int16(address, (int) (mac >>> 32));
        int32(address + 2, (int) mac);
    }

    static int etherType(long frame) {
        return int16(frame + 12);
    }

    static long source(long frame) {
        return mac(frame + 6);
    }

    private static void ethernet(long frame, long from, long to, int type) {
        mac(frame, to);
        mac(frame + 6, from);
        int16(frame + 12, type);
    }

    // ---- ARP, RFC 826

    static void arp(long frame, int operation, Endpoint from, Endpoint to) {
        boolean request = operation == ARP_REQUEST;
        ethernet(frame, from.mac(), request ? Endpoint.BROADCAST : to.mac(), TYPE_ARP);
        int16(frame + NETWORK, 1);
        int16(frame + NETWORK + 2, TYPE_IPV4);
        int16(frame + NETWORK + 4, 0x0604);
        int16(frame + ARP_OPERATION, operation);
        mac(frame + ARP_SENDER, from.mac());
        int32(frame + ARP_SENDER + 6, from.ipv4());
        mac(frame + ARP_TARGET, request ? 0 : to.mac());
        int32(frame + ARP_TARGET + 6, to.ipv4());
    }

    static boolean isArp(long frame, int length, int operation) {
        return length >= ARP_BYTES && etherType(frame) == TYPE_ARP && int16(frame + ARP_OPERATION) == operation;
    }

    static Endpoint arpSender(long frame) {
        return new Endpoint(mac(frame + ARP_SENDER), int32(frame + ARP_SENDER + 6));
    }

    static int arpTarget(long frame) {
        return int32(frame + ARP_TARGET + 6);
    }

    // ---- IPv4, RFC 791

    static void ipv4(long frame, Endpoint from, Endpoint to, int protocol, int payloadBytes) {
        ethernet(frame, from.mac(), to.mac(), TYPE_IPV4);
        int16(frame + NETWORK, 0x4500);
        int16(frame + IPV4_LENGTH, PAYLOAD - NETWORK + payloadBytes);
        int32(frame + NETWORK + 4, 0x4000);
        int16(frame + NETWORK + 8, 64 << 8 | protocol);
        int16(frame + IPV4_CHECKSUM, 0);
        int32(frame + IPV4_SOURCE, from.ipv4());
        int32(frame + IPV4_DESTINATION, to.ipv4());
        int16(frame + IPV4_CHECKSUM, InternetChecksum.of(0, frame + NETWORK, TRANSPORT - NETWORK));
    }

    /** Whether a frame is an IPv4 packet of this protocol to this address, whole and without options. */
    static boolean isIpv4(long frame, int length, int protocol, int destination) {
        return length >= PAYLOAD && etherType(frame) == TYPE_IPV4 && RawMemory.getByte(frame + NETWORK) == 0x45
                && RawMemory.getByte(frame + IPV4_PROTOCOL) == protocol
                && int32(frame + IPV4_DESTINATION) == destination
                && int16(frame + IPV4_LENGTH) >= PAYLOAD - NETWORK && NETWORK + int16(frame + IPV4_LENGTH) <= length;
    }

    static int payloadBytes(long frame) {
        return int16(frame + IPV4_LENGTH) - (PAYLOAD - NETWORK);
    }

    static int ipv4Source(long frame) {
        return int32(frame + IPV4_SOURCE);
    }

    // ---- ICMP echo, RFC 792

    static void echo(long frame, int type, Endpoint from, Endpoint to, int id, int sequence, int payloadBytes) {
        ipv4(frame, from, to, ICMP, payloadBytes);
        int32(frame + TRANSPORT, type << 24);
        int16(frame + TRANSPORT + 4, id);
        int16(frame + TRANSPORT + 6, sequence);
        int16(frame + TRANSPORT + 2, InternetChecksum.of(0, frame + TRANSPORT, PAYLOAD - TRANSPORT + payloadBytes));
    }

    static int echoType(long frame) {
        return Byte.toUnsignedInt(RawMemory.getByte(frame + TRANSPORT));
    }

    static int echoId(long frame) {
        return int16(frame + TRANSPORT + 4);
    }

    static int echoSequence(long frame) {
        return int16(frame + TRANSPORT + 6);
    }

    static boolean echoIsIntact(long frame) {
        return InternetChecksum.of(0, frame + TRANSPORT, PAYLOAD - TRANSPORT + payloadBytes(frame)) == 0;
    }

    // ---- UDP, RFC 768

    /** Puts headers before a payload that is there already; returns the length of the frame. */
    static int udp(long frame, Endpoint from, Endpoint to, int port, int payloadBytes, boolean sumOfPseudoHeaderOnly) {
        ipv4(frame, from, to, UDP, payloadBytes);
        int udpBytes = PAYLOAD - TRANSPORT + payloadBytes;
        int16(frame + TRANSPORT, port);
        int16(frame + TRANSPORT + 2, port);
        int16(frame + TRANSPORT + 4, udpBytes);
        int16(frame + TRANSPORT + UDP_CHECKSUM, 0);
        long pseudo = InternetChecksum.pseudoHeader(from.ipv4(), to.ipv4(), UDP, udpBytes);
        int checksum = sumOfPseudoHeaderOnly ? InternetChecksum.fold(pseudo)
                : InternetChecksum.of(pseudo, frame + TRANSPORT, udpBytes);
        int16(frame + TRANSPORT + UDP_CHECKSUM, checksum == 0 ? 0xFFFF : checksum);
        return PAYLOAD + payloadBytes;
    }

    static int udpDestinationPort(long frame) {
        return int16(frame + TRANSPORT + 2);
    }
}
