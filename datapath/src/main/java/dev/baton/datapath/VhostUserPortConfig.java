package dev.baton.datapath;

import dev.baton.handover.FrontEndState;
import dev.baton.vhostuser.BackendDevice;
import java.nio.file.Path;

/**
 * A port whose far side is a vhost-user front-end: a QEMU guest, DPDK's virtio-user.
 *
 * @param name       the port's name
 * @param socket     the UNIX socket
 * @param mode       who listens on it
 * @param queuePairs queue pairs offered to the front-end, 1 to 128
 * @param offloads   whether checksum and segmentation offload are offered, as far as the wired port takes them
 * @param memoryLimitBytes bytes of address space that the front-end's memory may take, 1 MiB to 16 TiB; more is
 *     refused
 * @param coalescing whether frames in a row of one UDP or TCP flow, from another guest or a TAP, may go to this guest
 *     as one, if it takes segmented frames
 * @param backendTransfer the switch of this device: whether in a handover the state of the back end that it is wired to
 *     is transferred; otherwise the new owner opens a back end of its own
 */
public record VhostUserPortConfig(String name, Path socket, SocketMode mode, int queuePairs, boolean offloads,
                                  long memoryLimitBytes, boolean coalescing, boolean backendTransfer) {
    /** What vhost-user front-ends of today can use: virtio-net's bound is higher. */
    public static final int MAX_QUEUE_PAIRS = 128;
    /** The least limit for memory: less is no guest's. */
    public static final long MIN_MEMORY_LIMIT_BYTES = 1L << 20;
    /** The greatest limit for memory, and the default. */
    public static final long MAX_MEMORY_LIMIT_BYTES = BackendDevice.MAX_MEMORY_BYTES;

    /** Checks name, number of queue pairs and limit. */
    public VhostUserPortConfig {
        PortNames.check(name);
        if (queuePairs < 1 || queuePairs > MAX_QUEUE_PAIRS) {
            throw new DatapathException("port " + name + ": queues=" + queuePairs + " is not in 1 to "
                + MAX_QUEUE_PAIRS);
        }
        if (memoryLimitBytes < MIN_MEMORY_LIMIT_BYTES || memoryLimitBytes > MAX_MEMORY_LIMIT_BYTES) {
            throw new DatapathException("port " + name + ": a memory limit of " + memoryLimitBytes
                + " bytes is not in " + MIN_MEMORY_LIMIT_BYTES + " to " + MAX_MEMORY_LIMIT_BYTES);
        }
    }

    /** Baton listens on the socket. */
    public static VhostUserPortConfig listen(String name, Path socket) {
        return new VhostUserPortConfig(name, socket, SocketMode.SERVER, 1, true, MAX_MEMORY_LIMIT_BYTES, false, true);
    }

    /** Baton connects to the socket, again and again until the front-end is there. */
    public static VhostUserPortConfig connect(String name, Path socket) {
        return new VhostUserPortConfig(name, socket, SocketMode.CLIENT, 1, true, MAX_MEMORY_LIMIT_BYTES, false, true);
    }

    /** This configuration with another number of queue pairs. */
    public VhostUserPortConfig withQueuePairs(int newQueuePairs) {
        return new VhostUserPortConfig(name, socket, mode, newQueuePairs, offloads, memoryLimitBytes, coalescing,
            backendTransfer);
    }

    /** This configuration with offloads on or off. */
    public VhostUserPortConfig withOffloads(boolean newOffloads) {
        return new VhostUserPortConfig(name, socket, mode, queuePairs, newOffloads, memoryLimitBytes, coalescing,
            backendTransfer);
    }

    /** This configuration with another limit for the front-end's memory, bytes. */
    public VhostUserPortConfig withMemoryLimit(long newMemoryLimitBytes) {
        return new VhostUserPortConfig(name, socket, mode, queuePairs, offloads, newMemoryLimitBytes, coalescing,
            backendTransfer);
    }

    /** This configuration with or without coalescing towards the guest. */
    public VhostUserPortConfig withCoalescing(boolean newCoalescing) {
        return new VhostUserPortConfig(name, socket, mode, queuePairs, offloads, memoryLimitBytes, newCoalescing,
            backendTransfer);
    }

    /** This configuration with the device's {@code backend-transfer} switch on or off. */
    public VhostUserPortConfig withBackendTransfer(boolean newBackendTransfer) {
        return new VhostUserPortConfig(name, socket, mode, queuePairs, offloads, memoryLimitBytes, coalescing,
            newBackendTransfer);
    }

    /** The configuration of a port that another owner made. */
    static VhostUserPortConfig of(FrontEndState state) {
        return new VhostUserPortConfig(state.name(), Path.of(state.socketPath()),
            state.listens() ? SocketMode.SERVER : SocketMode.CLIENT, state.queuePairs(), state.offloads(),
            state.memoryLimitBytes(), state.coalescing(), state.backendTransfer());
    }

    /** As an option of the command line. */
    String describe() {
        return "vhost-user:" + name + ",path=" + socket + ",queues=" + queuePairs
            + (mode == SocketMode.CLIENT ? ",mode=client" : "") + (offloads ? "" : ",offloads=off")
            + (memoryLimitBytes == MAX_MEMORY_LIMIT_BYTES ? "" : ",memory-limit=" + ByteSize.text(memoryLimitBytes))
            + (coalescing ? ",coalesce=on" : "") + (backendTransfer ? "" : ",backend-transfer=off");
    }
}
