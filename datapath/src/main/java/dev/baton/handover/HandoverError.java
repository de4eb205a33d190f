package dev.baton.handover;

import java.util.Locale;

/** What went wrong on a handover channel. */
public enum HandoverError {
    /** The channel is no connected UNIX stream socket. */
    CANNOT_PASS_DESCRIPTORS,
    /** The peer closed its end, or died. */
    PEER_GONE,
    /** The peer was silent past the timeout, or did not read. */
    TIMEOUT,
    /** The section ended in the middle. */
    TRUNCATED,
    /** What came is not the beginning of a section. */
    BAD_MAGIC,
    /** The checksum is not that of the section. */
    CORRUPT,
    /** The sequence number is not the next one: replayed, or something was left out. */
    OUT_OF_SEQUENCE,
    /** A code that stands for no section. */
    UNKNOWN_SECTION,
    /** A section whose turn it is not. */
    UNEXPECTED_SECTION,
    /** A protocol or schema version that is not spoken here, or was not agreed upon. */
    UNKNOWN_VERSION,
    /** A section that is larger than any may be. */
    TOO_LARGE,
    /** Not as many descriptors as the section tells, too many, or one that it does not mention. */
    DESCRIPTOR_COUNT,
    /** A descriptor of something else than the section says. */
    DESCRIPTOR_KIND,
    /** A value that the section cannot have. */
    MALFORMED,
    /** The two owners' switches or profiles differ. */
    SWITCH_MISMATCH,
    /** Something here cannot change its owner, or not now. */
    CANNOT_HAND_OVER,
    /** The peer said no. */
    REFUSED,
    /** A fault that was asked for, see {@link HandoverFaults}. */
    INJECTED,
    /** This side closed the channel, or it failed before. */
    CLOSED,
    /** The socket failed. */
    SOCKET_FAILED;

    /** The name for counters, logs and messages: {@code "out-of-sequence"}. */
    public String reason() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
