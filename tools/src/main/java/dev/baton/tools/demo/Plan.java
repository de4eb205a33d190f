package dev.baton.tools.demo;

import dev.baton.tools.traffic.Endpoint;

/** What both processes of the demo know: addresses from TEST-NET-1 (RFC 5737), sizes, and the words they exchange. */
final class Plan {
    static final Endpoint GUEST = new Endpoint(0x52_54_00_BA_70_01L, 0xC0_00_02_02);
    /** The far side; its Ethernet address counts only where it is not the kernel's own. */
    static final Endpoint FAR = new Endpoint(0x52_54_00_BA_70_02L, 0xC0_00_02_01);
    static final int PREFIX = 24;
    static final int QUEUE_PAIRS = 2;
    static final int WINDOW = 96;
    static final int PINGS = 100;
    static final String TAP = "baton0";
    /** How often the datapath changes its process in the middle of the traffic, or its agent where there is no TAP. */
    static final int TAKEOVERS = 2;
    static final int MOVES = 1000;
    /** Fewer than by default: the demo is short, and its new owners share two or so CPUs with the traffic. */
    static final int REHEARSALS = 4000;

    /** Parent to guest: {@code ping N}, {@code bulk DEADLINE_NS}, {@code finish}. */
    static final String PING = "ping";
    static final String BULK = "bulk";
    static final String FINISH = "finish";

    /** Guest to parent, as {@code event} of a JSON line. */
    static final String READY = "ready";
    static final String PINGED = "pinged";
    static final String SETTLED = "settled";
    static final String DONE = "done";

    /** Owner to parent. */
    static final String STARTED = "started";
    static final String OWNER = "owner";
    static final String RELIEVED = "relieved";

    private Plan() {
    }
}
