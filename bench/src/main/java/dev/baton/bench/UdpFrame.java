package dev.baton.bench;

import java.nio.ByteBuffer;

/** An Ethernet frame with a UDP datagram from 10.81.0.2 to 10.81.0.1, port 7777: no fragments, all checksums. */
public final class UdpFrame {
    static final int PORT = 7777;

    private static final int IP = 14;
    private static final int IP_BYTES = 20;
    private static final int UDP = IP + IP_BYTES;

    private UdpFrame() {
    }

    /**
     * Makes it.
     *
     * @param mac   where to
     * @param bytes of the frame, an even number from 42 on
     */
    public static byte[] of(byte[] mac, int bytes) {
        ByteBuffer frame = ByteBuffer.allocate(bytes);
        int datagram = bytes - UDP;
        frame.put(mac).put(new byte[] {2, 0, 0, 0, 0, 2}).putShort((short) 0x0800);
        frame.putShort((short) 0x4500).putShort((short) (IP_BYTES + datagram)).putInt(0x4000);
        frame.putShort((short) (64 << 8 | 17)).putShort((short) 0).putInt(0x0A51_0002).putInt(0x0A51_0001);
        frame.putShort(IP + 10, checksum(frame, IP, IP_BYTES, 0));
        frame.putShort((short) 5000).putShort((short) PORT).putShort((short) datagram);
        frame.putShort(UDP + 6, checksum(frame, IP + 12, bytes - IP - 12, 17 + datagram));
        return frame.array();
    }

    private static short checksum(ByteBuffer bytes, int offset, int length, int start) {
        int sum = start;
        for (int i = 0; i < length; i += 2) {
            sum += bytes.getShort(offset + i) & 0xFFFF;
        }
        sum = (sum & 0xFFFF) + (sum >>> 16);
        return (short) ~(sum + (sum >>> 16));
    }
}
