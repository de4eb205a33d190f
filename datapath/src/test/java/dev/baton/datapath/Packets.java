package dev.baton.datapath;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;

/** Packets made by hand. */
final class Packets {
    private Packets() {
    }

    /** An Ethernet frame with a UDP datagram of eight bytes, without UDP checksum. */
    static byte[] udp(byte[] targetMac, String source, String target, int port, long payload) {
        try {
            ByteBuffer frame = ByteBuffer.allocate(14 + 20 + 8 + 8);
            frame.put(targetMac).put(new byte[] {2, 0, 0, 0, 0, 2}).putShort((short) 0x0800);
            frame.putShort((short) 0x4500).putShort((short) 36).putInt(0).putShort((short) (64 << 8 | 17));
            frame.putShort((short) 0);
            frame.put(InetAddress.getByName(source).getAddress()).put(InetAddress.getByName(target).getAddress());
            frame.putShort(24, (short) checksum(frame, 14, 20));
            frame.putShort((short) port).putShort((short) port).putShort((short) 16).putShort((short) 0);
            return frame.putLong(payload).array();
        } catch (UnknownHostException e) {
            throw new IllegalArgumentException(e);
        }
    }

    private static int checksum(ByteBuffer bytes, int offset, int length) {
        int sum = 0;
        for (int i = 0; i < length; i += 2) {
            sum += Short.toUnsignedInt(bytes.getShort(offset + i));
        }
        sum = (sum & 0xffff) + (sum >>> 16);
        return ~(sum + (sum >>> 16)) & 0xffff;
    }
}
