package dev.baton.handover;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** One message of the handover channel. The code is what travels; it is never given to another section. */
public enum Section {
    /** Who is there, which versions it speaks, how its switches stand. */
    HELLO(1),
    /** No: the section that was refused, and why. */
    REFUSAL(2),
    /** The datapath itself; first section of a description. */
    DATAPATH(3),
    /** A vhost-user port. */
    FRONT_END(4),
    /** A port with a back end. */
    BACK_END(5),
    /** All wires and the owners of their parts. */
    WIRES(6),
    /** The description is complete; its generation. */
    END(7),
    /** The incoming owner could go on from the description of this generation. */
    PREPARED(8),
    /** The outgoing owner may be relieved of its lanes. */
    CLAIM(9),
    /** The incoming owner's agents poll the owner words. */
    CLAIMING(10),
    /** Every lane has changed owner, says the outgoing one. */
    SWITCHED(11),
    /** Every lane runs, says the incoming one; when what happened to each. */
    CONFIRMED(12),
    /** The standby holds everything ready for the description of this generation. */
    STANDBY(13),
    /** The owner has been relieved by another one: the standby is to attach to that. */
    MOVED(14);

    private final int code;

    Section(int code) {
        this.code = code;
    }

    /** The section as people and errors name it: {@code "front-end"}. */
    public String label() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    int code() {
        return code;
    }

    /** HELLO and REFUSAL come before, or instead of, an agreement: they never change. */
    boolean precedesAgreement() {
        return this == HELLO || this == REFUSAL;
    }

    static @Nullable Section of(int code) {
        for (Section section : values()) {
            if (section.code == code) {
                return section;
            }
        }
        return null;
    }
}
