package dev.baton.bench.compare;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** What is forwarded, and which frames are counted. */
enum Scene {
    /** Two ports wired; the client sends back on each port what it receives there: 1024 frames on the way per port. */
    LOOP_64(2, false, 64, "start tx_first 32", "io", "two ports wired, looped by the client"),
    LOOP_512(2, false, 512, "start tx_first 32", "io", "two ports wired, looped by the client"),
    LOOP_1518(2, false, 1518, "start tx_first 32", "io", "two ports wired, looped by the client"),
    /** Two ports wired; the client sends all it can on both and drops what it receives. */
    FLOWGEN_64(2, false, 64, "start", "flowgen", "two ports wired, the client sends all it can"),
    /** One port and a TAP; the client sends all it can, the kernel drops it. */
    TO_TAP_64(1, true, 64, "start", "txonly", "one port to a TAP, the client sends all it can"),
    TO_TAP_1514(1, true, 1514, "start", "txonly", "one port to a TAP, the client sends all it can"),
    /** The same with what programs send, checksums and all: txonly leaves them out. */
    FLOW_TO_TAP_64(1, true, 64, "start", Scene.REPLAY, "one port to a TAP, the client sends a UDP flow"),
    FLOW_TO_TAP_1514(1, true, 1514, "start", Scene.REPLAY, "one port to a TAP, the client sends a UDP flow"),
    /** The other way: a packet socket sends into the interface, on the client's CPU. */
    FROM_TAP_64(1, true, 64, "start", Scene.RECEIVE, "a TAP to one port, a packet socket sends all it can"),
    /** One port and nothing behind it: the client sends all it can, the back end drops it. */
    DROP_64(1, false, 64, "start", "txonly", "one port, the client sends all it can, the back end drops it"),
    /** The other way: the client drops. */
    SEND_64(1, false, 64, "start", Scene.RECEIVE, "one port, the back end sends all it can, the client drops it");

    /** The client forwards from a file to its port. */
    private static final String REPLAY = "io";
    private static final String RECEIVE = "rxonly";

    private final int clientPorts;
    private final boolean tap;
    private final int frameBytes;
    private final String start;
    private final String clientMode;
    private final String what;

    Scene(int clientPorts, boolean tap, int frameBytes, String start, String clientMode, String what) {
        this.clientPorts = clientPorts;
        this.tap = tap;
        this.frameBytes = frameBytes;
        this.start = start;
        this.clientMode = clientMode;
        this.what = what;
    }

    static String words() {
        return String.join(", ", Arrays.stream(values()).map(Scene::word).toList());
    }

    /** Its name on the command line. */
    String word() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    String what() {
        return what + ", " + frameBytes + " bytes";
    }

    int clientPorts() {
        return clientPorts;
    }

    int frameBytes() {
        return frameBytes;
    }

    /** Whether the client's frames come out of a file. */
    boolean replay() {
        return tap && clientMode.equals(REPLAY);
    }

    /** Whether the frames come from the TAP. */
    boolean fromTap() {
        return tap && clientMode.equals(RECEIVE);
    }

    /** Whether the back end drops all that the client sends. */
    boolean dropped() {
        return alone() && !sent();
    }

    /** Whether the back end makes the frames. */
    boolean sent() {
        return alone() && clientMode.equals(RECEIVE);
    }

    /** Whether the client's port is the only one. */
    boolean alone() {
        return clientPorts == 1 && !tap;
    }

    /** Whether a TAP is at the other end. */
    boolean tap() {
        return tap;
    }

    /** What sets the client going. */
    String start() {
        return start;
    }

    /** Options of the client's testpmd. */
    List<String> clientOptions() {
        return List.of("--forward-mode=" + clientMode, "--txpkts=" + frameBytes,
            "--port-topology=" + (replay() ? "paired" : "loop"));
    }
}
