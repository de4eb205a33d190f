package dev.baton.handover;

import dev.baton.handover.sbe.Goal;
import dev.baton.handover.sbe.GreetingDecoder;
import dev.baton.handover.sbe.GreetingEncoder;
import java.util.List;

/**
 * How an owner introduces itself.
 *
 * @param protocolVersion version of the order of sections, {@link #PROTOCOL_VERSION}
 * @param minSchemaVersion the oldest schema version that it reads and writes
 * @param maxSchemaVersion the newest one
 * @param purpose what the connection is for
 * @param backendTransfer the global switch
 * @param profile the compatibility profile that it runs with; empty: its own version's
 * @param pid its process
 * @param version its version, for people
 */
public record Hello(int protocolVersion, int minSchemaVersion, int maxSchemaVersion, Purpose purpose,
    boolean backendTransfer, String profile, int pid, String version) {
    /** The version of the order of sections. */
    public static final int PROTOCOL_VERSION = 1;
    /** The oldest schema version that this Baton reads and writes. */
    public static final int MIN_SCHEMA_VERSION = 0;
    /** The newest schema version that this Baton reads and writes. */
    public static final int MAX_SCHEMA_VERSION = BodyWriter.SCHEMA_VERSION;

    private static final int MAX_VERSION = 65_534;

    /** What the connection is for. */
    public enum Purpose {
        /** To relieve the owner. */
        TAKEOVER,
        /** To stand by for its death. */
        STANDBY
    }

    /** A hello of this Baton and this process. */
    public static Hello of(Purpose purpose, boolean backendTransfer, String profile, String version) {
        return new Hello(PROTOCOL_VERSION, MIN_SCHEMA_VERSION, MAX_SCHEMA_VERSION, purpose, backendTransfer, profile,
            (int) ProcessHandle.current().pid(), version);
    }

    /** This hello from one that writes and reads no newer schema than this. */
    public Hello withMaxSchemaVersion(int newMaxSchemaVersion) {
        return new Hello(protocolVersion, minSchemaVersion, newMaxSchemaVersion, purpose, backendTransfer, profile,
            pid, version);
    }

    /**
     * Says hello, waits for the peer's, and agrees on the schema version of everything that follows. A peer that
     * cannot be talked to is told so.
     *
     * @return the peer's hello
     * @throws HandoverException the two do not go together, or the peer said no
     */
    public Hello exchange(HandoverChannel channel, long timeoutMs) throws HandoverException {
        send(channel);
        return answer(channel, receive(channel, timeoutMs));
    }

    /** The peer's hello, before anything is said. */
    public static Hello receive(HandoverChannel channel, long timeoutMs) throws HandoverException {
        return BodyReader.decode(channel.receive(timeoutMs, Section.HELLO), Hello::read);
    }

    /** Says hello. */
    public void send(HandoverChannel channel) throws HandoverException {
        BodyWriter body = new BodyWriter();
        GreetingEncoder message = new GreetingEncoder().wrap(
            body.begin(GreetingEncoder.TEMPLATE_ID, 0, GreetingEncoder.BLOCK_LENGTH), BodyWriter.START);
        message.protocolVersion(protocolVersion).minSchemaVersion(minSchemaVersion)
            .maxSchemaVersion(maxSchemaVersion).goal(purpose == Purpose.TAKEOVER ? Goal.TAKEOVER : Goal.STANDBY)
            .backendTransfer(BodyWriter.flag(backendTransfer)).pid(pid);
        message.profile(profile).versionText(version);
        channel.send(Section.HELLO, Section.HELLO.label(), body.body(message.limit()), List.of());
    }

    /** Agrees with the peer's hello, or refuses it. */
    private Hello answer(HandoverChannel channel, Hello peer) throws HandoverException {
        try {
            channel.agreeOn(agreement(peer));
            return peer;
        } catch (HandoverException e) {
            HandoverMessages.refuse(channel, e);
            throw e;
        }
    }

    /**
     * The schema version for both: the newer one's oldest must not be newer than the older one's newest.
     *
     * @throws HandoverException the two do not go together
     */
    int agreement(Hello peer) throws HandoverException {
        String hello = Section.HELLO.label();
        if (peer.protocolVersion != protocolVersion) {
            throw new HandoverException(hello, HandoverError.UNKNOWN_VERSION, "protocol version "
                + peer.protocolVersion + " of the peer, " + protocolVersion + " here");
        }
        int schema = Math.min(maxSchemaVersion, peer.maxSchemaVersion);
        if (schema < Math.max(minSchemaVersion, peer.minSchemaVersion)) {
            throw new HandoverException(hello, HandoverError.UNKNOWN_VERSION, "schema versions "
                + peer.minSchemaVersion + " to " + peer.maxSchemaVersion + " of the peer, " + minSchemaVersion + " to "
                + maxSchemaVersion + " here");
        }
        if (peer.purpose != purpose) {
            throw new HandoverException(hello, HandoverError.SWITCH_MISMATCH,
                "purpose is " + peer.purpose + " at the peer, " + purpose + " here");
        }
        if (peer.backendTransfer != backendTransfer) {
            throw new HandoverException(hello, HandoverError.SWITCH_MISMATCH, "backend-transfer is "
                + onOff(peer.backendTransfer) + " at the peer, " + onOff(backendTransfer) + " here");
        }
        if (!peer.profile.equals(profile)) {
            throw new HandoverException(hello, HandoverError.SWITCH_MISMATCH, "compatibility profile is \""
                + peer.profile + "\" at the peer, \"" + profile + "\" here");
        }
        return schema;
    }

    private static Hello read(BodyReader body) throws HandoverException {
        GreetingDecoder message = new GreetingDecoder().wrap(
            body.begin(GreetingDecoder.TEMPLATE_ID, GreetingDecoder.BLOCK_LENGTH), BodyWriter.START,
            GreetingDecoder.BLOCK_LENGTH, body.version());
        int goal = body.number("goal", message.goalRaw(), Goal.TAKEOVER.value(), Goal.STANDBY.value());
        int min = body.number("oldest schema version", message.minSchemaVersion(), 0, MAX_VERSION);
        int max = body.number("newest schema version", message.maxSchemaVersion(), min, MAX_VERSION);
        boolean transfer = body.flag("backend-transfer", message.backendTransferRaw());
        int pid = body.number("pid", message.pid(), 0, Integer.MAX_VALUE);
        int protocol = message.protocolVersion();
        String profile = body.text("profile", message.profileLength(), message::getProfile);
        String version = body.text("version", message.versionTextLength(), message::getVersionText);
        body.end(message.limit());
        return new Hello(protocol, min, max, goal == Goal.TAKEOVER.value() ? Purpose.TAKEOVER : Purpose.STANDBY,
            transfer, profile, pid, version);
    }

    private static String onOff(boolean value) {
        return value ? "on" : "off";
    }
}
