package dev.baton.datapath;

import dev.baton.handover.Attachment;
import dev.baton.handover.HandoverFaults;
import dev.baton.handover.Hello;
import java.util.List;

/**
 * How a handover is done; both owners have such options.
 *
 * @param version         of the program, for people
 * @param backendTransfer the global switch: whether the state of back ends is transferred; the same on both sides
 * @param profile         the compatibility profile; the same on both sides
 * @param attachments     descriptors of the embedder's that travel with the datapath, such as its control socket
 * @param timeoutMs       how long the peer may be silent
 * @param rehearsals      how often an owner rehearses the handover on rings of its own, to have its code compiled;
 *     0: not at all
 * @param maxSchemaVersion the newest schema version that is spoken, for an owner that an older one is to understand
 * @param faults          faults to inject, for tests
 * @param controlPlane    what stands still with the outgoing owner, or is told by the incoming one
 */
public record HandoverOptions(String version, boolean backendTransfer, String profile, List<Attachment> attachments,
                              long timeoutMs, int rehearsals, int maxSchemaVersion, HandoverFaults faults,
                              ControlPlane controlPlane) {
    /** The profile of this version. */
    public static final String CURRENT_PROFILE = "";

    private static final long TIMEOUT_MS = 10_000;
    private static final int PATIENCE_FACTOR = 6;
    private static final int REHEARSALS = 30_000;

    /** The list is copied. */
    public HandoverOptions {
        attachments = List.copyOf(attachments);
    }

    /** The global switch off, as in the series that this descends from; the profile of this version; no attachments. */
    public static HandoverOptions defaults() {
        return new HandoverOptions("", false, CURRENT_PROFILE, List.of(), TIMEOUT_MS, REHEARSALS,
            Hello.MAX_SCHEMA_VERSION, HandoverFaults.NONE, ControlPlane.NONE);
    }

    /** These options with another version text. */
    public HandoverOptions withVersion(String newVersion) {
        return new HandoverOptions(newVersion, backendTransfer, profile, attachments, timeoutMs, rehearsals,
            maxSchemaVersion, faults, controlPlane);
    }

    /** These options with the global switch on or off. */
    public HandoverOptions withBackendTransfer(boolean newBackendTransfer) {
        return new HandoverOptions(version, newBackendTransfer, profile, attachments, timeoutMs, rehearsals,
            maxSchemaVersion, faults, controlPlane);
    }

    /** These options with another compatibility profile. */
    public HandoverOptions withProfile(String newProfile) {
        return new HandoverOptions(version, backendTransfer, newProfile, attachments, timeoutMs, rehearsals,
            maxSchemaVersion, faults, controlPlane);
    }

    /** These options with other attachments; the descriptors stay the caller's. */
    public HandoverOptions withAttachments(List<Attachment> newAttachments) {
        return new HandoverOptions(version, backendTransfer, profile, newAttachments, timeoutMs, rehearsals,
            maxSchemaVersion, faults, controlPlane);
    }

    /** These options with another timeout, milliseconds. */
    public HandoverOptions withTimeoutMs(long newTimeoutMs) {
        return new HandoverOptions(version, backendTransfer, profile, attachments, newTimeoutMs, rehearsals,
            maxSchemaVersion, faults, controlPlane);
    }

    /** These options with another number of rehearsals. */
    public HandoverOptions withRehearsals(int newRehearsals) {
        return new HandoverOptions(version, backendTransfer, profile, attachments, timeoutMs, newRehearsals,
            maxSchemaVersion, faults, controlPlane);
    }

    /** These options with faults to inject. */
    public HandoverOptions withFaults(HandoverFaults newFaults) {
        return new HandoverOptions(version, backendTransfer, profile, attachments, timeoutMs, rehearsals,
            maxSchemaVersion, newFaults, controlPlane);
    }

    /** These options with a control plane that stands still with the outgoing owner. */
    public HandoverOptions withControlPlane(ControlPlane newControlPlane) {
        return new HandoverOptions(version, backendTransfer, profile, attachments, timeoutMs, rehearsals,
            maxSchemaVersion, faults, newControlPlane);
    }

    /** These options for an owner that speaks no newer schema version, 0 to {@link Hello#MAX_SCHEMA_VERSION}. */
    public HandoverOptions withMaxSchemaVersion(int newMaxSchemaVersion) {
        return new HandoverOptions(version, backendTransfer, profile, attachments, timeoutMs, rehearsals,
            newMaxSchemaVersion, faults, controlPlane);
    }

    /** How long the peer may be silent while it prepares something: that competes with the traffic for the machine. */
    long patienceMs() {
        return PATIENCE_FACTOR * timeoutMs;
    }

    Hello hello(Hello.Purpose purpose) {
        return Hello.of(purpose, backendTransfer, profile, version).withMaxSchemaVersion(maxSchemaVersion);
    }
}
