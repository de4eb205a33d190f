package dev.baton.handover;

import dev.baton.ffi.Fd;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Receives a description. What comes out has been checked as far as a description can be: names are unique, what is
 * named exists, every descriptor is of the right kind and belongs to exactly one thing.
 */
public final class DescriptionReader {
    private static final int MAX_PORTS = 1024;

    private final List<Fd> owned = new ArrayList<>();
    private final List<PortState> ports = new ArrayList<>();
    private final Set<String> names = new HashSet<>();
    private final HandoverChannel channel;
    private final long timeoutMs;

    private DescriptionReader(HandoverChannel channel, long timeoutMs) {
        this.channel = channel;
        this.timeoutMs = timeoutMs;
    }

    /**
     * Waits for a whole description.
     *
     * @param timeoutMs how long the peer may take for each section
     * @return the description, with its descriptors
     * @throws HandoverException it did not come whole, or is wrong; all its descriptors are closed
     */
    public static Description read(HandoverChannel channel, long timeoutMs) throws HandoverException {
        return readAfter(channel.receive(timeoutMs, Section.DATAPATH), channel, timeoutMs);
    }

    /**
     * The rest of a description whose first section, DATAPATH, has been received: for who waited for something else
     * at the same time.
     */
    public static Description readAfter(Received first, HandoverChannel channel, long timeoutMs)
        throws HandoverException {
        DescriptionReader reader = new DescriptionReader(channel, timeoutMs);
        try {
            Description description = reader.read(first);
            reader.owned.clear();
            return description;
        } finally {
            reader.owned.forEach(Fd::close);
        }
    }

    private Description read(Received first) throws HandoverException {
        DatapathState datapath = DatapathCodec.decode(first);
        owned.addAll(Description.descriptors(datapath));
        Received next = channel.receive(timeoutMs, Section.FRONT_END, Section.BACK_END, Section.WIRES);
        while (next.section() != Section.WIRES) {
            port(next);
            next = channel.receive(timeoutMs, Section.FRONT_END, Section.BACK_END, Section.WIRES);
        }
        List<WireState> wires = WiresCodec.decode(next, names, datapath.agents());
        long generation = HandoverMessages.awaitStep(channel, Section.END, timeoutMs);
        return new Description(datapath, ports, wires, generation);
    }

    private void port(Received section) throws HandoverException {
        PortState port = section.section() == Section.FRONT_END
            ? FrontEndCodec.decode(section) : BackEndCodec.decode(section);
        owned.addAll(Description.descriptors(port));
        if (!names.add(port.name())) {
            throw section.error(HandoverError.MALFORMED, "two ports have the name " + port.name());
        }
        if (names.size() > MAX_PORTS) {
            throw section.error(HandoverError.MALFORMED, "more than " + MAX_PORTS + " ports");
        }
        ports.add(port);
    }
}
