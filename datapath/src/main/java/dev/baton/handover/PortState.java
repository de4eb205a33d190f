package dev.baton.handover;

/** A port: the front end of a guest, or a back end. Neither knows what is at the other end of its wire. */
public sealed interface PortState permits FrontEndState, BackEndState {
    /** The port's name, which no other port has. */
    String name();

    /** How many queue pairs it has room for, at least 1. */
    int queuePairs();

    /** The port's own switch; a state transfer needs this one and the global one. */
    boolean backendTransfer();
}
