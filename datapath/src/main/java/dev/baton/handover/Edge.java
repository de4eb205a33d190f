package dev.baton.handover;

/** The edges of the handover's state machines, where tests make something go wrong. Each is passed before its step. */
public enum Edge {
    /** Outgoing: it was asked for a takeover. */
    OUTGOING_ASKED,
    /** Outgoing: its HELLO. */
    OUTGOING_HELLO,
    /** Outgoing: DATAPATH. */
    OUTGOING_DATAPATH,
    /** Outgoing: each port. */
    OUTGOING_PORT,
    /** Outgoing: WIRES. */
    OUTGOING_WIRES,
    /** Outgoing: END. */
    OUTGOING_END,
    /** Outgoing: PREPARED has come. */
    OUTGOING_PREPARED,
    /** Outgoing: its control plane is frozen. */
    OUTGOING_FROZEN,
    /** Outgoing: CLAIM. */
    OUTGOING_CLAIM,
    /** Outgoing: CLAIMING has come, the first owner word is about to change. */
    OUTGOING_RELEASE,
    /** Outgoing: every owner word has changed. */
    OUTGOING_RELEASED,
    /** Outgoing: CONFIRMED has come. */
    OUTGOING_CONFIRMED,
    /** Outgoing: its copies are about to be closed. */
    OUTGOING_LEAVE,
    /** Incoming: it is about to ask for a takeover. */
    INCOMING_ASK,
    /** Incoming: its HELLO. */
    INCOMING_HELLO,
    /** Incoming: the description is about to be read. */
    INCOMING_DESCRIPTION,
    /** Incoming: back ends that are not transferred open their devices. */
    INCOMING_PRE_INCOMING,
    /** Incoming: back ends make sure that they are still empty. */
    INCOMING_PRE_LOAD,
    /** Incoming: back ends take their state. */
    INCOMING_LOAD,
    /** Incoming: back ends and front ends finish what was loaded. */
    INCOMING_POST_LOAD,
    /** Incoming: guest memory is mapped and populated. */
    INCOMING_MAP,
    /** Incoming: agents are built. */
    INCOMING_BUILD,
    /** Incoming: code is warmed on rings of its own. */
    INCOMING_WARM,
    /** Incoming: PREPARED. */
    INCOMING_PREPARED,
    /** Incoming: CLAIM has come, CLAIMING is about to go. */
    INCOMING_CLAIMING,
    /** Incoming: the first lane is its own. */
    INCOMING_CLAIMED,
    /** Incoming: CONFIRMED. */
    INCOMING_CONFIRM,
    /** Active with a standby: a change is about to be described. */
    STANDBY_CHANGE,
    /** Active with a standby: the change lies in the standby's channel, and its front-end has no answer yet. */
    STANDBY_TOLD,
    /** Standby: it is about to attach. */
    STANDBY_ATTACH,
    /** Standby: everything is ready. */
    STANDBY_READY,
    /** Standby: the active one is about to be fenced. */
    STANDBY_FENCE,
    /** Standby: it is about to take the owner words. */
    STANDBY_CLAIM
}
