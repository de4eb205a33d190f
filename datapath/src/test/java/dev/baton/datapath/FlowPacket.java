package dev.baton.datapath;

import dev.baton.virtqueue.VirtioNetHeader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** A packet of a UDP or TCP flow over IPv4 or IPv6 to be changed at will and then written down, checksums and all. */
final class FlowPacket implements Cloneable {
    /** What is known to be at fault with a checksum. */
    enum Checksum { RIGHT, WRONG, NONE, PARTIAL, PARTIAL_WRONG }

    boolean ipv6;
    boolean tcp;
    byte[] targetMac = {2, 0, 0, 0, 0, 1};
    byte[] target = {10, 9, 0, 1};
    int sourcePort = 5000;
    int targetPort = 7777;
    int trafficClass;
    int flowLabel;
    int ttl = 64;
    int id;
    int fragment = 0x4000;
    byte[] ipOptions = {};
    boolean wrongIpChecksum;
    long sequence;
    long acknowledged = 77;
    int flags = 0x10;
    int window = 1000;
    byte[] tcpOptions = {};
    Checksum checksum = Checksum.RIGHT;
    byte[] payload = new byte[18];
    byte[] padding = {};
    boolean vlan;

    FlowPacket copy() {
        try {
            return (FlowPacket) clone();
        } catch (CloneNotSupportedException e) {
            throw new AssertionError(e);
        }
    }

    private int network() {
        return vlan ? 18 : 14;
    }

    private int transport() {
        return network() + (ipv6 ? 40 : 20 + ipOptions.length);
    }

    /** The virtio-net header. */
    byte[] header() {
        ByteBuffer header = ByteBuffer.allocate(VirtioNetHeader.LENGTH).order(ByteOrder.LITTLE_ENDIAN);
        if (checksum == Checksum.PARTIAL || checksum == Checksum.PARTIAL_WRONG) {
            header.put(0, (byte) VirtioNetHeader.NEEDS_CSUM);
            header.putShort(VirtioNetHeader.CSUM_START_OFFSET, (short) transport());
            header.putShort(VirtioNetHeader.CSUM_OFFSET_OFFSET, (short) (tcp ? 16 : 6));
        }
        return header.array();
    }

    /** The Ethernet frame. */
    byte[] frame() {
        int segment = (tcp ? 20 + tcpOptions.length : 8) + payload.length;
        ByteBuffer frame = ByteBuffer.allocate(transport() + segment + padding.length);
        frame.put(targetMac).put(new byte[] {2, 0, 0, 0, 0, 2});
        if (vlan) {
            frame.putInt(0x8100_0005);
        }
        frame.putShort((short) (ipv6 ? 0x86DD : 0x0800));
        long pseudo = ipv6 ? putIpv6(frame, segment) : putIpv4(frame, segment);
        putSegment(frame, segment, pseudo);
        return frame.array();
    }

    private long putIpv4(ByteBuffer frame, int segment) {
        int start = frame.position();
        int headerBytes = 20 + ipOptions.length;
        frame.put((byte) (0x40 | headerBytes / 4)).put((byte) trafficClass).putShort((short) (headerBytes + segment));
        frame.putShort((short) id).putShort((short) fragment).put((byte) ttl);
        frame.put((byte) protocol()).putShort((short) 0);
        frame.put(new byte[] {10, 9, 0, 2}).put(target).put(ipOptions);
        int right = ~fold(sum(frame, start, headerBytes)) & 0xFFFF;
        frame.putShort(start + 10, (short) (wrongIpChecksum ? right ^ 0x100 : right));
        return sum(frame, start + 12, 8) + protocol() + segment;
    }

    private long putIpv6(ByteBuffer frame, int segment) {
        int start = frame.position();
        frame.putInt(0x6000_0000 | trafficClass << 20 | flowLabel).putShort((short) segment);
        frame.put((byte) protocol()).put((byte) ttl);
        frame.put(new byte[] {(byte) 0xFD, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2});
        frame.put(new byte[] {(byte) 0xFD, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, target[3]});
        return sum(frame, start + 8, 32) + protocol() + segment;
    }

    private int protocol() {
        return tcp ? 6 : 17;
    }

    private void putSegment(ByteBuffer frame, int segment, long pseudo) {
        int start = frame.position();
        frame.putShort((short) sourcePort).putShort((short) targetPort);
        int field = start + (tcp ? 16 : 6);
        if (tcp) {
            frame.putInt((int) sequence).putInt((int) acknowledged);
            frame.put((byte) ((20 + tcpOptions.length) * 4)).put((byte) flags).putShort((short) window);
            frame.putInt(0).put(tcpOptions);
        } else {
            frame.putShort((short) segment).putShort((short) 0);
        }
        frame.put(payload).put(padding);
        int right = ~fold(pseudo + sum(frame, start, segment)) & 0xFFFF;
        frame.putShort(field, (short) switch (checksum) {
            case RIGHT -> right == 0 ? 0xFFFF : right;
            case WRONG -> right ^ 0x0101;
            case NONE -> 0;
            case PARTIAL -> fold(pseudo);
            case PARTIAL_WRONG -> fold(pseudo) ^ 0x0101;
        });
    }

    private static long sum(ByteBuffer bytes, int offset, int length) {
        long sum = 0;
        for (int i = 0; i < length; i++) {
            sum += (long) (bytes.get(offset + i) & 0xFF) << (i % 2 == 0 ? 8 : 0);
        }
        return sum;
    }

    private static int fold(long sum) {
        long folded = sum;
        while (folded >> 16 != 0) {
            folded = (folded & 0xFFFF) + (folded >> 16);
        }
        return (int) folded;
    }
}
