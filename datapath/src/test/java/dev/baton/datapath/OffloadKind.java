package dev.baton.datapath;

import dev.baton.datapath.FlowPacket.Checksum;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.VirtioNetHeader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;

/** What a sender can leave to its receiver. */
enum OffloadKind {
    CHECKSUM(VirtioNetHeader.GSO_NONE, true, false, Features.GUEST_CSUM),
    TSO4(VirtioNetHeader.GSO_TCPV4, true, false, Features.GUEST_CSUM | Features.GUEST_TSO4),
    TSO6(VirtioNetHeader.GSO_TCPV6, true, true, Features.GUEST_CSUM | Features.GUEST_TSO6),
    TSO4_ECN(VirtioNetHeader.GSO_TCPV4 | VirtioNetHeader.GSO_ECN, true, false,
        Features.GUEST_CSUM | Features.GUEST_TSO4 | Features.GUEST_ECN),
    TSO6_ECN(VirtioNetHeader.GSO_TCPV6 | VirtioNetHeader.GSO_ECN, true, true,
        Features.GUEST_CSUM | Features.GUEST_TSO6 | Features.GUEST_ECN),
    USO4(VirtioNetHeader.GSO_UDP_L4, false, false,
        Features.GUEST_CSUM | Features.GUEST_USO4 | Features.GUEST_USO6),
    USO6(VirtioNetHeader.GSO_UDP_L4, false, true,
        Features.GUEST_CSUM | Features.GUEST_USO4 | Features.GUEST_USO6);

    /** Features of a guest that leaves all of it to others. */
    static final long GIVES = Features.CSUM | Features.HOST_TSO4 | Features.HOST_TSO6 | Features.HOST_ECN
        | Features.HOST_USO;
    /** Features of a guest that takes all of it. */
    static final long TAKES = Features.GUEST_CSUM | Features.GUEST_TSO4 | Features.GUEST_TSO6
        | Features.GUEST_ECN | Features.GUEST_USO4 | Features.GUEST_USO6;
    /** Payload of a frame that is cut from another. */
    static final int MSS = 1448;

    private final int gsoType;
    final boolean tcp;
    private final boolean ipv6;
    /** What a receiver has to have acked to get such a frame as it is. */
    final long needed;

    OffloadKind(int gsoType, boolean tcp, boolean ipv6, long needed) {
        this.gsoType = gsoType;
        this.tcp = tcp;
        this.ipv6 = ipv6;
        this.needed = needed;
    }

    /** The features of a guest that takes these, in words: {@code CSUM TSO4}; {@code none} is no feature. */
    static long taken(String words) {
        long features = 0;
        for (String word : words.split(" ", -1)) {
            features |= switch (word) {
                case "CSUM" -> Features.GUEST_CSUM;
                case "TSO4" -> Features.GUEST_TSO4;
                case "TSO6" -> Features.GUEST_TSO6;
                case "USO4" -> Features.GUEST_USO4;
                case "USO6" -> Features.GUEST_USO6;
                case "none" -> 0;
                default -> throw new IllegalArgumentException(word);
            };
        }
        return features;
    }

    FlowPacket packet(int payloadBytes) {
        FlowPacket packet = new FlowPacket();
        packet.tcp = tcp;
        packet.ipv6 = ipv6;
        packet.checksum = Checksum.PARTIAL;
        packet.sequence = 1_000_000;
        packet.flags = (gsoType & VirtioNetHeader.GSO_ECN) != 0 ? 0x98 : 0x18;
        packet.payload = new byte[payloadBytes];
        new Random(payloadBytes).nextBytes(packet.payload);
        return packet;
    }

    byte[] header(FlowPacket packet) {
        byte[] header = packet.header();
        header[VirtioNetHeader.GSO_TYPE_OFFSET] = (byte) gsoType;
        if (gsoType != VirtioNetHeader.GSO_NONE) {
            header[VirtioNetHeader.GSO_SIZE_OFFSET] = (byte) MSS;
            header[VirtioNetHeader.GSO_SIZE_OFFSET + 1] = (byte) (MSS >> 8);
        }
        return header;
    }

    /** What a receiver has to see that fills in nothing and cuts nothing, put together by hand. */
    List<String> cut(FlowPacket packet) {
        List<String> frames = new ArrayList<>();
        for (int at = 0; at < packet.payload.length; at += MSS) {
            int end = gsoType == VirtioNetHeader.GSO_NONE ? packet.payload.length : at + MSS;
            FlowPacket part = packet.copy();
            part.checksum = Checksum.RIGHT;
            part.payload = Arrays.copyOfRange(packet.payload, at, Math.min(packet.payload.length, end));
            part.id = packet.id + at / MSS;
            part.sequence = packet.sequence + at;
            part.flags = packet.flags & ~(at > 0 ? 0x80 : 0) & ~(end < packet.payload.length ? 0x08 : 0);
            frames.add(HexFormat.of().formatHex(part.frame()));
            at = gsoType == VirtioNetHeader.GSO_NONE ? packet.payload.length : at;
        }
        return frames;
    }
}
