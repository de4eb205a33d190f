package dev.baton.handover;

import org.jspecify.annotations.Nullable;

/** A handover that cannot go on. The message names the section and the reason. */
public final class HandoverException extends Exception {
    private static final long serialVersionUID = 1L;

    private final String section;
    private final HandoverError kind;

    /**
     * A failure in a section.
     *
     * @param section the section, with the name of the port if it has one: {@code "front-end vm0"}
     * @param kind what went wrong
     * @param reason the rest of the sentence
     */
    public HandoverException(String section, HandoverError kind, String reason) {
        this(section, kind, reason, null);
    }

    /** A failure that something else caused. */
    public HandoverException(String section, HandoverError kind, String reason, @Nullable Throwable cause) {
        super("section " + section + ": " + reason, cause);
        this.section = section;
        this.kind = kind;
    }

    /** The section, with the name of the port if it has one; {@code "channel"} for the channel itself. */
    public String section() {
        return section;
    }

    /** What went wrong. */
    public HandoverError kind() {
        return kind;
    }

    /** The sentence without the section. */
    public String reason() {
        return String.valueOf(getMessage()).substring("section ".length() + section.length() + ": ".length());
    }
}
