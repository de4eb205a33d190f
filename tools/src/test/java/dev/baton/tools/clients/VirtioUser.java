package dev.baton.tools.clients;

import java.nio.file.Path;

/**
 * DPDK's virtio-user, a front end that testpmd runs.
 *
 * @param queuePairs how many
 * @param queueSize  entries of each virtqueue
 * @param mergeable  whether it takes mergeable receive buffers
 * @param inOrder    whether it takes VIRTIO_F_IN_ORDER
 * @param vectorized whether it receives by its vector code, which wants neither of the two
 * @param packed     whether its virtqueues are packed
 * @param server     whether it listens for the back end
 */
record VirtioUser(int queuePairs, int queueSize, boolean mergeable, boolean inOrder, boolean vectorized,
        boolean packed, boolean server) {
    /** Split virtqueues of 1024 entries, in order; it connects. */
    static VirtioUser of(int queuePairs, boolean mergeable) {
        return new VirtioUser(queuePairs, 1024, mergeable, true, false, false, false);
    }

    VirtioUser withQueueSize(int newQueueSize) {
        return new VirtioUser(queuePairs, newQueueSize, mergeable, inOrder, vectorized, packed, server);
    }

    VirtioUser outOfOrder() {
        return new VirtioUser(queuePairs, queueSize, mergeable, false, vectorized, packed, server);
    }

    VirtioUser byVectors() {
        return new VirtioUser(queuePairs, queueSize, mergeable, inOrder, true, packed, server);
    }

    VirtioUser withPackedRings() {
        return new VirtioUser(queuePairs, queueSize, mergeable, inOrder, vectorized, true, server);
    }

    VirtioUser listening() {
        return new VirtioUser(queuePairs, queueSize, mergeable, inOrder, vectorized, packed, true);
    }

    /** The argument of {@code --vdev}. */
    String vdev(int index, Path socket) {
        return "net_virtio_user" + index + ",path=" + socket + ",queues=" + queuePairs + (queuePairs > 1 ? ",cq=1" : "")
                + ",queue_size=" + queueSize + ",mrg_rxbuf=" + (mergeable ? 1 : 0) + ",in_order=" + (inOrder ? 1 : 0)
                + ",packed_vq=" + (packed ? 1 : 0) + (vectorized ? ",vectorized=1" : "") + (server ? ",server=1" : "");
    }

    @Override
    public String toString() {
        return queuePairs + " pair(s) of " + queueSize
                + (mergeable ? ", mergeable" : "") + (inOrder ? ", in order" : "")
                + (vectorized ? ", vectorized" : "") + (packed ? ", packed" : "") + (server ? ", listening" : "");
    }
}
