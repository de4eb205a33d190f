package dev.baton.tap;

import java.nio.ByteBuffer;

/** Frames as a TAP moves them: 12 bytes of virtio-net header, Ethernet, and IPv4 or ARP. */
final class Frames {
    static final int VNET = TapDevice.HEADER_BYTES;
    static final int ETHERNET = 14;
    static final int IP = 20;
    static final int TCP = 20;
    static final int IPV4 = 0x0800;
    static final int ARP = 0x0806;
    static final int PROTO_TCP = 6;
    static final int PROTO_UDP = 17;
    static final int GSO_TCPV4 = 1;
    static final MacAddress PEER = MacAddress.parse("02:00:00:00:00:99");
    private static final MacAddress BROADCAST = MacAddress.parse("ff:ff:ff:ff:ff:ff");

    private Frames() {
    }

    static int etherType(byte[] frame) {
        return ByteBuffer.wrap(frame).getShort(VNET + 12) & 0xffff;
    }

    static boolean isUdpTo(byte[] frame, int port) {
        return etherType(frame) == IPV4 && frame[VNET + ETHERNET + 9] == PROTO_UDP
            && (ByteBuffer.wrap(frame).getShort(VNET + ETHERNET + IP + 2) & 0xffff) == port;
    }

    static byte[] udp(MacAddress to, String source, String destination, int port, byte[] payload) {
        ByteBuffer frame = ByteBuffer.allocate(VNET + ETHERNET + IP + 8 + payload.length);
        frame.position(VNET);
        ethernet(frame, to, IPV4);
        ip(frame, PROTO_UDP, source, destination, 8 + payload.length);
        frame.putShort((short) 4000).putShort((short) port).putShort((short) (8 + payload.length)).putShort((short) 0);
        return frame.put(payload).array();
    }

    /** A TCP segment to be cut into segments of {@code gsoSize} bytes, with its checksum to be done. */
    static byte[] tcpToBeSegmented(MacAddress to, String source, String destination, int gsoSize, byte[] payload) {
        ByteBuffer frame = ByteBuffer.allocate(VNET + ETHERNET + IP + TCP + payload.length);
        frame.put((byte) 1).put((byte) GSO_TCPV4); // NEEDS_CSUM; fields of the header are little-endian
        putLittle(frame, ETHERNET + IP + TCP);
        putLittle(frame, gsoSize);
        putLittle(frame, ETHERNET + IP);
        putLittle(frame, 16);
        frame.position(VNET);
        ethernet(frame, to, IPV4);
        ip(frame, PROTO_TCP, source, destination, TCP + payload.length);
        frame.putShort((short) 4000).putShort((short) 80).putInt(1).putInt(1);
        frame.putShort((short) 0x5010).putShort((short) 0xffff).putShort((short) 0).putShort((short) 0);
        return frame.put(payload).array();
    }

    /** The answer of {@link #PEER} to an ARP request. */
    static byte[] arpReply(byte[] request) {
        ByteBuffer asked = ByteBuffer.wrap(request).position(VNET + ETHERNET + 8);
        byte[] sender = new byte[10];
        asked.get(sender).position(VNET + ETHERNET + 24);
        int wanted = asked.getInt();
        ByteBuffer frame = ByteBuffer.allocate(VNET + ETHERNET + 28);
        frame.position(VNET);
        ethernet(frame, BROADCAST, ARP);
        frame.putShort((short) 1).putShort((short) IPV4).put((byte) 6).put((byte) 4).putShort((short) 2);
        return frame.put(PEER.octets()).putInt(wanted).put(sender).array();
    }

    static byte[] payload(int length) {
        byte[] payload = new byte[length];
        for (int i = 0; i < length; i++) {
            payload[i] = (byte) (i * 31 + (i >> 8));
        }
        return payload;
    }

    private static void putLittle(ByteBuffer buffer, int value) {
        buffer.put((byte) value).put((byte) (value >>> 8));
    }

    private static void ethernet(ByteBuffer frame, MacAddress to, int type) {
        frame.put(to.octets()).put(PEER.octets()).putShort((short) type);
    }

    private static void ip(ByteBuffer frame, int protocol, String source, String destination, int payloadLength) {
        int start = frame.position();
        frame.put((byte) 0x45).put((byte) 0).putShort((short) (IP + payloadLength)).putInt(0x4000);
        frame.put((byte) 64).put((byte) protocol).putShort((short) 0);
        frame.put(address(source)).put(address(destination));
        int sum = 0;
        for (int i = 0; i < IP; i += 2) {
            sum += frame.getShort(start + i) & 0xffff;
        }
        frame.putShort(start + 10, (short) ~(sum + (sum >>> 16)));
    }

    private static byte[] address(String text) {
        String[] parts = text.split("\\.", -1);
        byte[] octets = new byte[4];
        for (int i = 0; i < 4; i++) {
            octets[i] = (byte) Integer.parseInt(parts[i]);
        }
        return octets;
    }
}
