package dev.baton.datapath;

import dev.baton.ffi.EventFd;
import dev.baton.vhostuser.BackendDevice;
import dev.baton.vhostuser.ProtocolException;
import dev.baton.vhostuser.ProtocolFeatures;
import dev.baton.vhostuser.Ring;
import dev.baton.vhostuser.RingLayout;
import dev.baton.virtqueue.DirtyLog;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.GuestMemory;
import dev.baton.virtqueue.QueueState;
import dev.baton.virtqueue.Virtqueue;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What the front-end of a port can do to it. Virtqueue 2n is the guest's receiveq of pair n, our tx; 2n+1 is its
 * transmitq, our rx (virtio 1.2, 5.1.2).
 */
final class VhostUserDevice implements BackendDevice {
    /**
     * IN_ORDER costs nothing here: every transfer uses chains as they come, and makes the others wait behind one.
     * Not RING_RESET, although a ring can be stopped (GET_VRING_BASE) and started again in another size while the
     * others run: QEMU 7.2 to 10.0 lets the guest have the bit and does not tell a vhost-user back-end of the reset,
     * which then goes on in memory that the guest uses for something else.
     */
    private static final long BASE_FEATURES = Features.VERSION_1 | Features.INDIRECT_DESC | Features.EVENT_IDX
        | Features.RING_PACKED | Features.IN_ORDER | Features.ANY_LAYOUT | Features.MRG_RXBUF | Features.MTU
        | Features.GUEST_ANNOUNCE | Features.LOG_ALL;

    private final VhostUserPort port;
    private final VhostUserPortConfig config;
    private final @Nullable Running[] running;
    private final GuardedSignal error = new GuardedSignal();
    private long acked;
    /** Another owner still runs the virtqueues: what both see is not touched, and nobody is told. */
    private boolean preparing;

    /** A started virtqueue and what the conductor has to know of it. */
    private static final class Running {
        private final Virtqueue queue;
        private @Nullable EventFd err;
        private boolean enabled;

        Running(Virtqueue queue, Ring ring) {
            this.queue = queue;
            this.err = ring.err();
            this.enabled = ring.enabled();
        }
    }

    VhostUserDevice(VhostUserPort port, VhostUserPortConfig config) {
        this.port = port;
        this.config = config;
        this.running = new Running[2 * config.queuePairs()];
    }

    /** From now until {@link #prepared} the connection is being restored, next to an owner that still uses it. */
    void prepare() {
        preparing = true;
    }

    void prepared() {
        preparing = false;
    }

    /** The virtqueues that were prepared are not taken up; returns when no agent looks at one any more. */
    void forsake() {
        acked = 0;
        for (int index = 0; index < running.length; index++) {
            if (running[index] != null) {
                running[index] = null;
                port.atQuiescentPoint(index / 2, end(index)::forget);
            }
        }
    }

    /** What the wired port is to know of a connection that {@link #forsake} has ended. */
    void tellForsaken() {
        givePeer(Offloads.NONE);
        for (int index = 0; index < running.length; index++) {
            port.atQuiescentPoint(index / 2, end(index)::stop);
        }
        tellPeer();
    }

    void tellPeer() {
        for (int index = 0; index < running.length; index += 2) {
            tellPeer(index);
        }
    }

    /** Everything that is announced to the back end is described before it is answered. */
    @Override
    public void answering() throws ProtocolException {
        port.answering();
    }

    long ackedFeatures() {
        return acked;
    }

    String describe() {
        int count = 0;
        int enabled = 0;
        for (Running ring : running) {
            count += ring != null ? 1 : 0;
            enabled += ring != null && ring.enabled ? 1 : 0;
        }
        return count + " of " + running.length + " virtqueues running, " + enabled + " enabled, features "
            + Features.describe(acked);
    }

    @Override
    public long features() {
        long features = BASE_FEATURES | (config.queuePairs() > 1 ? Features.MQ : 0);
        Port peer = port.peer();
        if (config.offloads() && peer != null) {
            features |= Offloads.hostFeatures(peer.couldTake()) | Offloads.guestFeatures(peer.canGive());
        }
        return features;
    }

    @Override
    public long protocolFeatures() {
        return ProtocolFeatures.IMPLEMENTED;
    }

    @Override
    public long memoryLimitBytes() {
        return config.memoryLimitBytes();
    }

    @Override
    public int maxQueuePairs() {
        return config.queuePairs();
    }

    @Override
    public void featuresAcked(long features) {
        acked = features;
        if (preparing) {
            return;
        }
        givePeer(Offloads.takenByGuest(features));
    }

    private void givePeer(int offloads) {
        Port peer = port.peer();
        if (peer != null) {
            peer.give(offloads);
        }
    }

    @Override
    public void startRing(int index, Ring ring) {
        Virtqueue queue = Virtqueue.of(ring.layout(), ring.memory(), ring.features(), ring.state());
        queue.log(ring.log());
        queue.inflight(ring.inflight());
        Running started = new Running(queue, ring);
        running[index] = started;
        VirtqueueEnd end = end(index);
        if (preparing) {
            end.enable(started.enabled);
            end.prepare(queue, ring.features(), ring.kick(), ring.call());
            return;
        }
        port.atQuiescentPoint(index / 2, () -> {
            end.enable(started.enabled);
            end.start(queue, ring.features(), ring.kick(), ring.call());
        });
        tellPeer(index);
    }

    @Override
    public QueueState stopRing(int index) {
        Running stopped = Objects.requireNonNull(running[index], "virtqueue is not running");
        VirtqueueEnd end = end(index);
        if (preparing) {
            end.forget();
        } else {
            stopped.enabled = false;
            tellPeer(index);
            port.atQuiescentPoint(index / 2, () -> {
                end.stop();
                end.enable(false);
            });
        }
        running[index] = null;
        return stopped.queue.state().restarted();
    }

    @Override
    public void enableRing(int index, boolean enabled) {
        Running ring = running[index];
        if (ring != null) {
            ring.enabled = enabled;
            VirtqueueEnd end = end(index);
            port.atQuiescentPoint(index / 2, () -> end.enable(enabled));
            tellPeer(index);
        }
    }

    /** The receiveq decides whether the wired port should give this pair frames. */
    private void tellPeer(int index) {
        Port peer = port.peer();
        if (peer != null && index % 2 == 0) {
            Running ring = running[index];
            peer.peerPairActive(index / 2, ring != null && ring.enabled);
        }
    }

    @Override
    public void memoryChanged(GuestMemory memory, List<RingLayout> rings) {
        for (RingLayout ring : rings) {
            Running changed = running[ring.index()];
            VirtqueueEnd end = end(ring.index());
            if (changed != null) {
                port.atQuiescentPoint(ring.index() / 2, () -> {
                    changed.queue.memory(memory, ring.layout());
                    end.invalidate();
                });
            }
        }
    }

    @Override
    public void logChanged(@Nullable DirtyLog log) {
        for (int index = 0; index < running.length; index++) {
            Running ring = running[index];
            if (ring != null) {
                port.atQuiescentPoint(index / 2, () -> ring.queue.log(log));
            }
        }
    }

    @Override
    public void kickChanged(int index, @Nullable EventFd kick) {
        VirtqueueEnd end = end(index);
        port.atQuiescentPoint(index / 2, () -> end.kick(kick));
    }

    @Override
    public void callChanged(int index, @Nullable EventFd call) {
        VirtqueueEnd end = end(index);
        port.atQuiescentPoint(index / 2, () -> end.call(call));
    }

    @Override
    public void errChanged(int index, @Nullable EventFd err) {
        Running ring = running[index];
        if (ring != null) {
            ring.err = err;
        }
    }

    /** Tells the front-end, where it listens, that a virtqueue is broken. */
    void signalError(VirtqueueEnd broken) {
        for (int index = 0; index < running.length; index++) {
            Running ring = running[index];
            if (ring != null && end(index) == broken && ring.err != null) {
                error.to(ring.err);
                error.signal();
                error.to(null);
            }
        }
    }

    /** How the front-end is told of errors: for who looks after it. */
    GuardedSignal errorSignal() {
        return error;
    }

    private VirtqueueEnd end(int index) {
        return index % 2 == 0 ? port.txEnd(index / 2) : port.rxEnd(index / 2);
    }

    /** Frames of every length pass, so every MTU will do. */
    @Override
    public boolean mtu(int mtu) {
        return true;
    }

    @Override
    public void announce(byte[] mac) {
        Port peer = port.peer();
        if (peer != null) {
            peer.announce(mac);
        }
    }

    @Override
    public void refused(ProtocolException why) {
        port.fault(why);
    }

    @Override
    public void reset() {
        featuresAcked(0);
    }

    /** Virtqueues that an agent did not stop are left to it. */
    @Override
    public void disconnected() {
        Arrays.fill(running, null);
        featuresAcked(0);
    }
}
