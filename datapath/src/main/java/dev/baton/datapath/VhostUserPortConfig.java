package dev.baton.datapath;

import java.nio.file.Path;

/**
 * A port whose far side is a vhost-user front-end: a QEMU guest, DPDK's virtio-user.
 *
 * @param name       the port's name
 * @param socket     the UNIX socket
 * @param mode       who listens on it
 * @param queuePairs queue pairs offered to the front-end, 1 to 128
 * @param offloads   whether checksum and segmentation offload are offered, as far as the wired port takes them
 * @param backendTransfer the switch of this device: whether in a handover the state of the back end that it is wired to
 *     is transferred; otherwise the new owner opens a back end of its own
 */
public record VhostUserPortConfig(String name, Path socket, SocketMode mode, int queuePairs, boolean offloads,
                                  boolean backendTransfer) {
    /** What vhost-user front-ends of today can use: virtio-net's bound is higher. */
    public static final int MAX_QUEUE_PAIRS = 128;

    /** Checks name and number of queue pairs. */
    public VhostUserPortConfig {
        PortNames.check(name);
        if (queuePairs < 1 || queuePairs > MAX_QUEUE_PAIRS) {
            throw new DatapathException("port " + name + ": queues=" + queuePairs + " is not in 1 to "
                + MAX_QUEUE_PAIRS);
        }
    }

    /** Baton listens on the socket. */
    public static VhostUserPortConfig listen(String name, Path socket) {
        return new VhostUserPortConfig(name, socket, SocketMode.SERVER, 1, true, true);
    }

    /** Baton connects to the socket, again and again until the front-end is there. */
    public static VhostUserPortConfig connect(String name, Path socket) {
        return new VhostUserPortConfig(name, socket, SocketMode.CLIENT, 1, true, true);
    }

    /** This configuration with another number of queue pairs. */
    public VhostUserPortConfig withQueuePairs(int newQueuePairs) {
        return new VhostUserPortConfig(name, socket, mode, newQueuePairs, offloads, backendTransfer);
    }

    /** This configuration with offloads on or off. */
    public VhostUserPortConfig withOffloads(boolean newOffloads) {
        return new VhostUserPortConfig(name, socket, mode, queuePairs, newOffloads, backendTransfer);
    }

    /** This configuration with the device's {@code backend-transfer} switch on or off. */
    public VhostUserPortConfig withBackendTransfer(boolean newBackendTransfer) {
        return new VhostUserPortConfig(name, socket, mode, queuePairs, offloads, newBackendTransfer);
    }
}
