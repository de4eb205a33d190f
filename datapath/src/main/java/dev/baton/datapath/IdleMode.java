package dev.baton.datapath;

/** What an agent does when a duty cycle moved no frame. */
public enum IdleMode {
    /** Polls without end: the lowest latency, a whole core. */
    BUSY,
    /** Polls while there is traffic; after a quiet while sleeps on the kick and TAP descriptors. */
    ADAPTIVE
}
