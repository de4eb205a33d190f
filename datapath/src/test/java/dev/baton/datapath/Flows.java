package dev.baton.datapath;

import dev.baton.datapath.FlowPacket.Checksum;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** Packets in a row, as they can be joined, and what makes one of them odd. */
final class Flows {
    /** What is different in one frame of ten, by name. */
    private static final Map<String, Consumer<FlowPacket>> ODDITIES = Map.ofEntries(
        Map.entry("another MAC address", packet -> packet.targetMac = new byte[] {2, 0, 0, 0, 0, 3}),
        Map.entry("another address", packet -> packet.target = new byte[] {10, 9, 0, 4}),
        Map.entry("another port", packet -> packet.targetPort++),
        Map.entry("another TOS, as by ECN", packet -> packet.trafficClass = 3),
        Map.entry("another TTL", packet -> packet.ttl--),
        Map.entry("an identification out of turn", packet -> packet.id += 2),
        Map.entry("fragments allowed", packet -> packet.fragment = 0),
        Map.entry("a fragment", packet -> packet.fragment = 0x2000),
        Map.entry("a later fragment", packet -> packet.fragment = 4),
        Map.entry("the reserved bit", packet -> packet.fragment |= 0x8000),
        Map.entry("options of IPv4", packet -> packet.ipOptions = new byte[] {1, 1, 1, 0}),
        Map.entry("a wrong IPv4 checksum", packet -> packet.wrongIpChecksum = true),
        Map.entry("a wrong checksum", packet -> packet.checksum = Checksum.WRONG),
        Map.entry("no checksum", packet -> packet.checksum = Checksum.NONE),
        Map.entry("a wrong start of a checksum", packet -> packet.checksum = Checksum.PARTIAL_WRONG),
        Map.entry("padding", packet -> packet.padding = new byte[] {0, 0, 0}),
        Map.entry("a VLAN tag", packet -> packet.vlan = true),
        Map.entry("nothing in it", packet -> packet.payload = new byte[0]));

    private static final Map<String, Consumer<FlowPacket>> ODDITIES_OF_TCP = Map.ofEntries(
        Map.entry("a sequence number out of turn", packet -> packet.sequence++),
        Map.entry("another acknowledgement", packet -> packet.acknowledged++),
        Map.entry("another window", packet -> packet.window++),
        Map.entry("CWR", packet -> packet.flags |= 0x80),
        Map.entry("ECE", packet -> packet.flags |= 0x40),
        Map.entry("URG", packet -> packet.flags |= 0x20),
        Map.entry("SYN", packet -> packet.flags |= 0x02),
        Map.entry("FIN", packet -> packet.flags |= 0x01),
        Map.entry("RST", packet -> packet.flags |= 0x04),
        Map.entry("no ACK", packet -> packet.flags = 0),
        Map.entry("options", packet -> packet.tcpOptions = new byte[] {1, 1, 1, 1}));

    private Flows() {
    }

    static List<FlowPacket> run(FlowPacket first, int count) {
        List<FlowPacket> packets = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            FlowPacket packet = first.copy();
            packet.id = first.id + i;
            packet.sequence = first.sequence + (long) i * first.payload.length;
            packet.payload = first.payload.clone();
            new Random(i).nextBytes(packet.payload);
            packets.add(packet);
        }
        return packets;
    }

    static FlowPacket packet(boolean ipv6, boolean tcp, int payloadBytes, Checksum checksum) {
        FlowPacket packet = new FlowPacket();
        packet.ipv6 = ipv6;
        packet.tcp = tcp;
        packet.payload = new byte[payloadBytes];
        packet.checksum = checksum;
        packet.id = 0xFFFE;
        packet.sequence = 0xFFFF_FFFFL - 500;
        return packet;
    }

    /** Flows of all kinds: small and large packets, of even and odd length. */
    static Stream<FlowPacket> flows() {
        return Stream.of(false, true).flatMap(ipv6 -> Stream.of(false, true).flatMap(tcp ->
            Stream.of(Checksum.RIGHT, Checksum.PARTIAL).flatMap(checksum -> Stream.of(64, 101, 1448, 4001)
                .map(bytes -> packet(ipv6, tcp, bytes, checksum)))));
    }

    static Stream<String> oddities() {
        return ODDITIES.keySet().stream().sorted();
    }

    static Stream<String> odditiesOfTcp() {
        return Stream.concat(ODDITIES.keySet().stream(), ODDITIES_OF_TCP.keySet().stream()).sorted();
    }

    /** Makes a packet odd in the way that has this name. */
    static void makeOdd(FlowPacket packet, String name) {
        Objects.requireNonNull(ODDITIES_OF_TCP.getOrDefault(name, ODDITIES.get(name))).accept(packet);
    }

    /** Whatever follows whatever: of two flows, of all kinds and sizes, right and wrong. */
    static List<FlowPacket> mixture(long seed, int count) {
        Random random = new Random(seed);
        List<Consumer<FlowPacket>> oddities = new ArrayList<>(ODDITIES.values());
        List<FlowPacket> packets = new ArrayList<>();
        while (packets.size() < count) {
            FlowPacket first = packet(random.nextBoolean(), random.nextBoolean(), 1 + random.nextInt(300),
                random.nextBoolean() ? Checksum.RIGHT : Checksum.PARTIAL);
            first.sourcePort += random.nextInt(2);
            List<FlowPacket> run = run(first, 1 + random.nextInt(20));
            for (FlowPacket packet : run) {
                if (random.nextInt(8) == 0) {
                    oddities.get(random.nextInt(oddities.size())).accept(packet);
                }
                if (random.nextInt(16) == 0) {
                    packet.payload = new byte[1 + random.nextInt(300)];
                }
            }
            packets.addAll(run);
        }
        return packets;
    }

    /** Without the identification where nobody may look at it (RFC 6864, 4.1), and what it does to the checksum. */
    static byte[] atomic(byte[] frame) {
        if (frame[12] == 8 && frame[14] >> 4 == 4 && frame[20] == 0x40) {
            Arrays.fill(frame, 18, 20, (byte) 0);
            Arrays.fill(frame, 24, 26, (byte) 0);
        }
        return frame;
    }
}
