package dev.baton.handover;

import dev.baton.ffi.Fd;
import dev.baton.vhostuser.SessionState;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A whole datapath, as it was received. It owns every descriptor; whoever adopts one takes it over by
 * {@link Fd#duplicate()}, or by keeping the object and not calling {@link #close()}.
 *
 * @param datapath the datapath itself
 * @param ports its ports, in the order in which they were made
 * @param wires its wires
 * @param generation which description it is: every one that is sent has a higher number than the one before
 */
public record Description(DatapathState datapath, List<PortState> ports, List<WireState> wires, long generation)
    implements AutoCloseable {

    /** The lists are copied. */
    public Description {
        ports = List.copyOf(ports);
        wires = List.copyOf(wires);
    }

    /** Every descriptor in it. */
    public List<Fd> descriptors() {
        return descriptors(datapath, ports);
    }

    /** Every descriptor in the parts of a description. */
    public static List<Fd> descriptors(DatapathState datapath, List<PortState> ports) {
        List<Fd> all = new ArrayList<>(descriptors(datapath));
        ports.forEach(port -> all.addAll(descriptors(port)));
        return all;
    }

    /** Closes every descriptor that is still open. */
    @Override
    public void close() {
        descriptors().forEach(Fd::close);
    }

    static List<Fd> descriptors(DatapathState datapath) {
        List<Fd> all = new ArrayList<>(List.of(datapath.baton(), datapath.counters()));
        datapath.attachments().forEach(attachment -> all.add(attachment.fd()));
        return all;
    }

    static List<Fd> descriptors(PortState port) {
        List<Fd> all = new ArrayList<>();
        switch (port) {
            case FrontEndState front -> {
                add(all, front.listener());
                add(all, front.connection());
                SessionState session = front.session();
                if (session != null) {
                    all.addAll(session.descriptors());
                }
            }
            case BackEndState back -> {
                BackendBlob state = back.state();
                if (state != null) {
                    state.queuePairs().forEach(pair -> all.addAll(pair.descriptors()));
                }
            }
        }
        return all;
    }

    private static void add(List<Fd> all, @Nullable Fd fd) {
        if (fd != null) {
            all.add(fd);
        }
    }
}
