package dev.baton.handover;

import java.util.List;

/** Sends a description: DATAPATH, one section for each port, WIRES, END. */
public final class DescriptionWriter {
    private DescriptionWriter() {
    }

    /**
     * Sends a description in the schema version that was agreed upon. All descriptors are borrowed; on the way it
     * passes the outgoing edges from {@link Edge#OUTGOING_DATAPATH} to {@link Edge#OUTGOING_END}.
     *
     * @param generation of the description, higher than that of the one before
     */
    public static void write(HandoverChannel channel, DatapathState datapath, List<PortState> ports,
        List<WireState> wires, long generation) throws HandoverException {
        HandoverFaults faults = channel.faults();
        faults.at(Edge.OUTGOING_DATAPATH);
        DatapathCodec.send(channel, datapath);
        for (PortState port : ports) {
            faults.at(Edge.OUTGOING_PORT);
            switch (port) {
                case FrontEndState front -> FrontEndCodec.send(channel, front);
                case BackEndState back -> BackEndCodec.send(channel, back);
            }
        }
        faults.at(Edge.OUTGOING_WIRES);
        WiresCodec.send(channel, wires);
        faults.at(Edge.OUTGOING_END);
        HandoverMessages.sendStep(channel, Section.END, generation);
    }
}
