package dev.baton.datapath;

/**
 * What a standby of a datapath knows of it at one moment.
 *
 * @param pid           its process
 * @param state         whether it knows everything
 * @param changesBehind if it is late: changes of ports, wires, queue pairs and front-ends that it has not been told of;
 *                      otherwise 0
 * @param lateNs        if it is late: for how long, ns; otherwise 0
 */
public record StandbyStatus(int pid, State state, long changesBehind, long lateNs) {
    /** Whether a standby knows everything. */
    public enum State {
        /** It has come, and has not said yet that it is ready: it could not go on now. */
        ATTACHING,
        /** It knows all that a front-end has been answered for. */
        CURRENT,
        /** It does not read: if the owner died, front-ends that have changed something since had to connect again. */
        LATE
    }
}
