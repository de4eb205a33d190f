package dev.baton.bench.handover;

import dev.baton.datapath.Datapath;
import dev.baton.datapath.VhostUserPort;
import java.nio.file.Path;

/**
 * Both ends of the traffic of a mode.
 *
 * @param guest the socket that the guest connects to
 * @param far   what it talks to
 */
record Ends(Path guest, FarEnd far) {
    /** Makes the ports of a new datapath; returns the guest's. */
    VhostUserPort wire(Datapath datapath, Options options) {
        return far.wire(datapath, guest, options.lanes());
    }
}
