package dev.baton.handover;

import dev.baton.handover.sbe.WireListDecoder;
import dev.baton.handover.sbe.WireListEncoder;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** The section WIRES. */
final class WiresCodec {
    private static final int MAX_WIRES = 65_534;
    private static final int MAX_LANES = 65_534;

    private WiresCodec() {
    }

    static void send(HandoverChannel channel, List<WireState> wires) throws HandoverException {
        BodyWriter body = new BodyWriter();
        WireListEncoder message = new WireListEncoder().wrap(body.begin(WireListEncoder.TEMPLATE_ID,
            channel.versionOf(Section.WIRES), WireListEncoder.BLOCK_LENGTH), BodyWriter.START);
        WireListEncoder.WiresEncoder wireGroup = message.wiresCount(wires.size());
        List<LaneState> all = new ArrayList<>();
        for (WireState wire : wires) {
            wireGroup.next().laneCount(wire.lanes().size()).a(wire.a()).b(wire.b());
            all.addAll(wire.lanes());
        }
        WireListEncoder.LanesEncoder laneGroup = message.lanesCount(all.size());
        for (LaneState lane : all) {
            laneGroup.next().agent(lane.agent()).laneRecord(lane.laneRecord());
        }
        channel.send(Section.WIRES, Section.WIRES.label(), body.body(message.limit()), List.of());
    }

    /** The wires, which may only name these ports and as many agents. */
    static List<WireState> decode(Received received, Set<String> ports, int agents) throws HandoverException {
        return BodyReader.decode(received, body -> read(body, ports, agents));
    }

    /** A wire before its lanes are known. */
    private record Ends(String a, String b, int lanes) {
    }

    private static List<WireState> read(BodyReader body, Set<String> ports, int agents) throws HandoverException {
        WireListDecoder message = new WireListDecoder().wrap(
            body.begin(WireListDecoder.TEMPLATE_ID, WireListDecoder.BLOCK_LENGTH), BodyWriter.START,
            WireListDecoder.BLOCK_LENGTH, body.version());
        List<Ends> ends = ends(body, message.wires(), ports);
        WireListDecoder.LanesDecoder group = message.lanes();
        int count = body.count("lanes", group.count(), MAX_LANES, group.actingBlockLength(),
            WireListDecoder.LanesDecoder.sbeBlockLength());
        int needed = ends.stream().mapToInt(Ends::lanes).sum();
        if (needed != count) {
            throw body.malformed("its wires have " + needed + " lanes, and it lists " + count);
        }
        Set<Integer> records = new HashSet<>();
        List<WireState> wires = new ArrayList<>();
        for (Ends wire : ends) {
            List<LaneState> lanes = new ArrayList<>();
            for (int i = 0; i < wire.lanes(); i++) {
                lanes.add(lane(body, group.next(), wire, agents, records));
            }
            wires.add(new WireState(wire.a(), wire.b(), lanes));
        }
        body.end(message.limit());
        return wires;
    }

    private static List<Ends> ends(BodyReader body, WireListDecoder.WiresDecoder group, Set<String> ports)
        throws HandoverException {
        int count = body.count("wires", group.count(), MAX_WIRES, group.actingBlockLength(),
            WireListDecoder.WiresDecoder.sbeBlockLength());
        Set<String> wired = new HashSet<>();
        List<Ends> ends = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            int lanes = body.number("number of lanes of wire " + i, group.next().laneCount(), 1, MAX_LANES);
            String a = body.name("one end of wire " + i, group.aLength(), group::getA);
            String b = body.name("other end of wire " + i, group.bLength(), group::getB);
            for (String end : List.of(a, b)) {
                if (!ports.contains(end)) {
                    throw body.malformed("wire " + i + " ends at port " + end + ", which does not exist");
                }
                if (!wired.add(end)) {
                    throw body.malformed("two wires end at port " + end);
                }
            }
            ends.add(new Ends(a, b, lanes));
        }
        return ends;
    }

    private static LaneState lane(BodyReader body, WireListDecoder.LanesDecoder entry, Ends wire, int agents,
        Set<Integer> records) throws HandoverException {
        String lane = "a lane of wire " + wire.a() + "-" + wire.b();
        int agent = body.number("agent of " + lane, entry.agent(), 0, agents - 1);
        int laneRecord = body.number("record of " + lane, entry.laneRecord(), 0, Integer.MAX_VALUE);
        if (!records.add(laneRecord)) {
            throw body.malformed("two lanes have the record " + laneRecord);
        }
        return new LaneState(agent, laneRecord);
    }
}
