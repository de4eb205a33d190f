package dev.baton.datapath;

/**
 * Whether the state of a back end is transferred. The one predicate, used when it is saved, when it is loaded and when
 * it is decided whether a postponed back end sets itself up; it gives the same answer in all three places.
 */
final class TransferSwitch {
    private TransferSwitch() {
    }

    /** The device's own switch: that of the front end which the back end is wired to; on where there is none. */
    static boolean device(BackendPort backEnd) {
        Port peer = backEnd.peer();
        return peer == null || peer.backendTransfer();
    }

    /** Global switch, device's switch, and a back end that can. */
    static boolean selected(boolean global, boolean device, NetBackend backEnd) {
        return global && device && backEnd.transfer().isPresent();
    }
}
