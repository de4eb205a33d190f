package dev.baton.handover;

/** What can be made to go wrong. Faults of a message hit the next section that is sent. */
public enum Fault {
    /** Nothing. */
    NONE,
    /** At the edge: an error, as if the step had been refused. */
    REFUSE,
    /** At the edge: nothing happens any more, until the thread is interrupted. */
    STOP,
    /** At the edge: the process is gone at once, without a last word. */
    KILL,
    /** The section is cut off in the middle, and the channel closed. */
    TRUNCATE,
    /** One byte of the section is another one. */
    CORRUPT,
    /** The section's first descriptor stays behind. */
    DROP_DESCRIPTOR,
    /** The section's first descriptor is one that is of no use to anybody. */
    WRONG_DESCRIPTOR,
    /** The section has a schema version that nobody knows. */
    UNKNOWN_VERSION,
    /** The section has the sequence number of the one before. */
    REPLAY,
    /** The section is swallowed: the peer hears nothing. */
    SILENCE,
    /** The channel is closed instead. */
    CLOSE;

    /** Whether it is a section that suffers. */
    public boolean ofMessage() {
        return compareTo(TRUNCATE) >= 0;
    }
}
