package dev.baton.datapath;

import dev.baton.ffi.EventFd;
import dev.baton.virtqueue.ChainBurst;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.QueueRecord;
import dev.baton.virtqueue.VirtioNetHeader;
import dev.baton.virtqueue.Virtqueue;
import dev.baton.virtqueue.VirtqueueFault;
import org.jspecify.annotations.Nullable;

/**
 * A memory end: one virtqueue of a port, running or not. It outlives the virtqueues that a front-end starts and stops
 * on it, so that the transfers above it stay as they are. Only the owning agent touches it; the conductor reaches it
 * by commands.
 */
final class VirtqueueEnd {
    private final String name;
    private final QueueCounters counters;
    private final QueueRecord record;
    private final FaultListener faults;
    private @Nullable Virtqueue queue;
    private long generation;
    private long features;
    private boolean enabled;
    private boolean faultReported;
    /** Of a running virtqueue whose virtio-net headers have 10 bytes. */
    private @Nullable LegacyFrames legacy;
    private final GuardedSignal call = new GuardedSignal();
    private @Nullable EventFd kick;
    private @Nullable ReceiveWindow window;

    /** Told once when a virtqueue broke the rules; called on the agent's thread, must not block. */
    interface FaultListener {
        void faulted(VirtqueueEnd end, VirtqueueFault fault);
    }

    VirtqueueEnd(String name, QueueCounters counters, QueueRecord record, FaultListener faults) {
        this.name = name;
        this.counters = counters;
        this.record = record;
        this.faults = faults;
    }

    void start(Virtqueue newQueue, long ackedFeatures, @Nullable EventFd newKick, @Nullable EventFd newCall) {
        generation++;
        features(ackedFeatures);
        kick(newKick);
        faultReported = false;
        newQueue.keep(record);
        newQueue.disableNotifications();
        // Only now, for the access to its memory may have failed.
        queue = newQueue;
        // The driver may have gone to sleep on a used buffer whose notification a former owner did not send.
        call(newCall);
    }

    private void features(long acked) {
        release();
        features = acked;
        legacy = VirtioNetHeader.length(acked) == VirtioNetHeader.LENGTH ? null : new LegacyFrames();
    }

    /** Frees memory of its own; called when no agent works with it. */
    void release() {
        LegacyFrames released = legacy;
        legacy = null;
        if (released != null) {
            released.close();
        }
    }

    void stop() {
        queue = null;
        generation++;
        release();
        record.clear();
        kick(null);
        call(null);
    }

    /**
     * Gets ready for a virtqueue that another owner still runs: nothing that both owners see is touched before
     * {@link #resume}.
     */
    void prepare(Virtqueue newQueue, long ackedFeatures, @Nullable EventFd newKick, @Nullable EventFd newCall) {
        queue = newQueue;
        features(ackedFeatures);
        kick = newKick;
        call.to(newCall);
    }

    /** The virtqueue that was prepared is not taken up: its owner runs it, or nobody does any more. */
    void forget() {
        queue = null;
        generation++;
        release();
        enabled = false;
        kick = null;
        call.to(null);
    }

    /** The virtqueue is this owner's now, and goes on where the record says. */
    void resume() {
        Virtqueue resumed = queue;
        if (resumed == null) {
            return;
        }
        generation++;
        faultReported = false;
        try {
            resumed.resume(record);
        } catch (IllegalArgumentException e) {
            // No state that a virtqueue can be in: what the driver sees is believed instead.
            resumed.recover(record);
        }
        resumed.disableNotifications();
    }

    /** Reads the record as {@link #resume} will. */
    void stayWarm() {
        Virtqueue prepared = queue;
        if (prepared != null) {
            try {
                prepared.follow(record);
            } catch (IllegalArgumentException e) {
                // What resume makes of such a record is decided when it is due.
                return;
            }
        }
    }

    /** Makes the record one to resume from, after its owner died in the middle of a burst. */
    void recover() {
        Virtqueue recovered = queue;
        if (recovered != null) {
            recovered.recover(record);
        }
    }

    void kick(@Nullable EventFd newKick) {
        kick = newKick;
    }

    /** A new call eventfd is signalled at once: nobody may have listened to the one before it. */
    void call(@Nullable EventFd newCall) {
        call.to(newCall);
        call();
    }

    void enable(boolean newEnabled) {
        enabled = newEnabled;
    }

    /** Forgets what was fetched ahead: the memory below the queue changed. */
    void invalidate() {
        generation++;
    }

    /** The running virtqueue, null when stopped or when it broke the rules. */
    @Nullable Virtqueue queue() {
        return queue;
    }

    /** Changes whenever chains that were fetched ahead are void. */
    long generation() {
        return generation;
    }

    boolean enabled() {
        return enabled;
    }

    boolean acked(long feature) {
        return (features & feature) != 0;
    }

    boolean mergeable() {
        return acked(Features.MRG_RXBUF);
    }

    long features() {
        return features;
    }

    /**
     * The buffers of a receiveq that were fetched ahead: one window for all transfers that fill them in turn. Made when
     * it is asked for first.
     */
    ReceiveWindow window() {
        ReceiveWindow present = window;
        if (present == null) {
            present = new ReceiveWindow(this);
            window = present;
        }
        return present;
    }

    /** Frees the window; no transfer uses it any more. */
    void releaseWindow() {
        if (window != null) {
            window.release();
            window = null;
        }
    }

    /** How the frames of a guest with virtio-net headers of 10 bytes are seen; null with 12, as nearly all have. */
    @Nullable LegacyFrames legacy() {
        return legacy;
    }

    /** Bytes of the virtio-net header before each frame. */
    int headerBytes() {
        return legacy == null ? VirtioNetHeader.LENGTH : VirtioNetHeader.LEGACY_LENGTH;
    }

    /** What the driver writes to when notifications are on; null when it wants to be polled. */
    @Nullable EventFd kick() {
        return kick;
    }

    QueueCounters counters() {
        return counters;
    }

    /** Publishes what was used and notifies the driver when it wants to know. */
    void publish(Virtqueue published) {
        if (published.publish()) {
            call();
        }
    }

    /** Notifies the driver, whether it wants to know or not. */
    void call() {
        if (call.signal()) {
            counters.call();
        }
    }

    /** How the driver is notified: for who looks after it. */
    GuardedSignal callSignal() {
        return call;
    }

    /** Called when a fetch found nothing: tells the conductor, once, when that is because the queue is broken. */
    void checkFault(Virtqueue checked) {
        VirtqueueFault fault = checked.fault();
        if (fault != null && !faultReported) {
            faultReported = true;
            call();
            faults.faulted(this, fault);
        }
    }

    /** Takes frames and gives them to nobody: what virtio-net asks of a started but disabled transmitq. */
    int discard(Virtqueue source, ChainBurst burst, int count) {
        source.use(burst, 0, count);
        counters.rxDrop(DropReason.RING_DISABLED, count);
        publish(source);
        return count;
    }

    @Override
    public String toString() {
        return name;
    }
}
