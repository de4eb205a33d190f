package dev.baton.bench.compare;

import java.util.Arrays;
import java.util.Locale;

/** What is forwarded, and how long its frames are. */
enum Scene {
    LOOP_64(Kind.LOOP, 64),
    LOOP_512(Kind.LOOP, 512),
    LOOP_1518(Kind.LOOP, 1518),
    PACKED_LOOP_64(Kind.LOOP, 64, true),
    PACKED_LOOP_1518(Kind.LOOP, 1518, true),
    FLOWGEN_64(Kind.FLOWGEN, 64),
    TO_TAP_64(Kind.TO_TAP, 64),
    TO_TAP_1514(Kind.TO_TAP, 1514),
    FLOW_TO_TAP_64(Kind.FLOW_TO_TAP, 64),
    FLOW_TO_TAP_1514(Kind.FLOW_TO_TAP, 1514),
    FROM_TAP_64(Kind.FROM_TAP, 64),
    FROM_TAP_1514(Kind.FROM_TAP, 1514),
    DROP_64(Kind.DROP, 64),
    SEND_64(Kind.SEND, 64),
    LATENCY_64(Kind.LATENCY, 64),
    LATENCY_1514(Kind.LATENCY, 1514),
    TCP_TAPS(Kind.TCP, 0),
    GUEST_RECEIVES(Kind.GUEST_RECEIVES, 0),
    GUEST_SENDS(Kind.GUEST_SENDS, 0);

    private final Kind kind;
    private final int frameBytes;
    private final boolean packed;

    Scene(Kind kind, int frameBytes) {
        this(kind, frameBytes, false);
    }

    Scene(Kind kind, int frameBytes, boolean packed) {
        this.kind = kind;
        this.frameBytes = frameBytes;
        this.packed = packed;
    }

    /** Kinds of scenes. */
    enum Kind {
        /** The client sends back on each port what it receives there: 1024 frames on the way per port. */
        LOOP(2, false, "two ports wired, looped by the client"),
        /** The client sends all it can on both and drops what it receives. */
        FLOWGEN(2, false, "two ports wired, the client sends all it can"),
        /** The kernel drops it. */
        TO_TAP(1, true, "one port to a TAP, the client sends all it can"),
        /** The same with what programs send, checksums and all: txonly leaves them out. */
        FLOW_TO_TAP(1, true, "one port to a TAP, the client sends a UDP flow"),
        /** The other way. */
        FROM_TAP(1, true, "a TAP to one port, a UDP socket on the client's CPU sends all it can"),
        /** Nothing is behind the port. */
        DROP(1, false, "one port, the client sends all it can, the back end drops it"),
        /** The other way: the client drops. */
        SEND(1, false, "one port, the back end sends all it can, the client drops it"),
        /** There and back: in by each of the ports, out by each. */
        LATENCY(2, false, "two ports wired, one frame on the way, there and back"),
        /** Of the kernel, with segmentation where a TAP takes it; frames as long as they get. */
        TCP(0, true, "two TAPs wired, iperf3 sends by TCP from one namespace to another"),
        /** A stock guest, whose processors are emulated. */
        GUEST_RECEIVES(1, true, "a guest in QEMU and a TAP, iperf3 sends by TCP to the guest"),
        GUEST_SENDS(1, true, "a guest in QEMU and a TAP, iperf3 sends by TCP from the guest");

        private final int clientPorts;
        private final boolean tap;
        private final String what;

        Kind(int clientPorts, boolean tap, String what) {
            this.clientPorts = clientPorts;
            this.tap = tap;
            this.what = what;
        }
    }

    static String words() {
        return String.join(", ", Arrays.stream(values()).map(Scene::word).toList());
    }

    /** Its name on the command line. */
    String word() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    String what() {
        return (packed ? "packed virtqueues, " : "") + kind.what
            + (frameBytes == 0 ? "" : ", " + frameBytes + " bytes");
    }

    Kind kind() {
        return kind;
    }

    /** Vhost-user ports, each of which the client has one end of. */
    int clientPorts() {
        return kind.clientPorts;
    }

    /** Of an Ethernet frame; 0 where that is not the scene's to say. */
    int frameBytes() {
        return frameBytes;
    }

    /** Whether the client's virtqueues are packed. */
    boolean packed() {
        return packed;
    }

    /** Whether the client's port is the only one. */
    boolean alone() {
        return kind == Kind.DROP || kind == Kind.SEND;
    }

    /** Whether a TAP is at the other end. */
    boolean tap() {
        return kind.tap;
    }
}
