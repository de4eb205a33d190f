package dev.baton.bench.handover;

import dev.baton.datapath.Datapath;
import dev.baton.datapath.Port;
import dev.baton.datapath.TapPortConfig;
import dev.baton.datapath.VhostUserPort;
import dev.baton.datapath.VhostUserPortConfig;
import dev.baton.tap.TapConfig;
import java.nio.file.Path;

/**
 * What the guest of a {@link Load} talks to: another guest, or a TAP. In words, so that another process can be told.
 *
 * <pre>
 *   guest:SOCKET      another guest, which connects to this socket
 *   tap:NAMESPACE     a persistent TAP in the network namespace of this path
 * </pre>
 */
record FarEnd(boolean isTap, String where) {
    static final String TAP = "bench0";

    private static final String TAP_WORD = "tap:";
    private static final String GUEST_WORD = "guest:";

    static FarEnd guest(Path socket) {
        return new FarEnd(false, socket.toString());
    }

    static FarEnd tap(String namespace) {
        return new FarEnd(true, namespace);
    }

    static FarEnd parse(String word) {
        return word.startsWith(TAP_WORD) ? tap(word.substring(TAP_WORD.length()))
            : new FarEnd(false, word.substring(GUEST_WORD.length()));
    }

    /** Adds both ports and wires them; returns the guest's. */
    VhostUserPort wire(Datapath datapath, Path socket, int lanes) {
        VhostUserPort guest = datapath.add(VhostUserPortConfig.listen("a", socket).withQueuePairs(lanes));
        Port far = isTap
            ? datapath.add(new TapPortConfig("b", TapConfig.builder(TAP).queues(lanes).persistent(true).up(true)
                .networkNamespace(where).build()))
            : datapath.add(VhostUserPortConfig.listen("b", Path.of(where)).withQueuePairs(lanes));
        datapath.wire(guest, far);
        return guest;
    }

    @Override
    public String toString() {
        return (isTap ? TAP_WORD : GUEST_WORD) + where;
    }
}
