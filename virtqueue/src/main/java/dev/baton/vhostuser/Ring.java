package dev.baton.vhostuser;

import dev.baton.ffi.EventFd;
import dev.baton.virtqueue.DirtyLog;
import dev.baton.virtqueue.GuestMemory;
import dev.baton.virtqueue.InflightQueue;
import dev.baton.virtqueue.QueueState;
import dev.baton.virtqueue.VirtqueueLayout;
import org.jspecify.annotations.Nullable;

/**
 * All that a device needs to run a virtqueue. The connection owns the descriptors and the memory: they stay valid until
 * the device has returned from {@link BackendDevice#stopRing} or from the call that replaces them.
 *
 * @param layout where the virtqueue lies, as checked host addresses
 * @param memory the memory table in which its buffers lie
 * @param features the acked virtio features, without the protocol's own bit 30
 * @param state where to go on; a chain that an earlier back end took and never used is taken again
 * @param kick what the driver writes when it made buffers available; null: poll
 * @param call what to write when buffers were used; null: the driver polls
 * @param err what to write when the virtqueue is broken; null: nobody listens
 * @param log where to note what is written to guest memory; null: nowhere
 * @param inflight where to leave with the front end how far the virtqueue is; null: nowhere
 * @param enabled whether frames may pass; a ring that is started and disabled drops what the guest sends and delivers
 *     nothing
 */
public record Ring(VirtqueueLayout layout, GuestMemory memory, long features, QueueState state,
                   @Nullable EventFd kick, @Nullable EventFd call, @Nullable EventFd err, @Nullable DirtyLog log,
                   @Nullable InflightQueue inflight, boolean enabled) {
}
