package dev.baton.vhostuser;

import dev.baton.ffi.EventFd;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.DirtyLog;
import dev.baton.virtqueue.GuestMemory;
import dev.baton.virtqueue.QueueState;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** A device that moves nothing: it writes down what it is told, and insists that it is told in order. */
final class RecordingDevice implements BackendDevice {
    static final long FEATURES = Features.VERSION_1 | Features.MRG_RXBUF | Features.EVENT_IDX |
        Features.INDIRECT_DESC
        | Features.MQ | Features.MTU;

    final List<String> events = new ArrayList<>();
    final TreeMap<Integer, Ring> running = new TreeMap<>();
    final List<ProtocolException> refusals = new ArrayList<>();
    int starts;
    int stops;
    /** Chains that each ring has moved by the time it is stopped. */
    int progress;
    long features = FEATURES | Features.LOG_ALL;
    long protocolFeatures = ProtocolFeatures.IMPLEMENTED;
    boolean disconnected;
    Runnable onMemoryChanged = () -> { };
    @Nullable RuntimeException failure;
    /** The ring at which {@link #failure} strikes; -1: any. */
    int failsToStart = -1;
    int failsToStop = -1;

    @Override
    public long features() {
        return features;
    }

    @Override
    public long protocolFeatures() {
        return protocolFeatures;
    }

    @Override
    public int maxQueuePairs() {
        return 2;
    }

    @Override
    public void featuresAcked(long acked) {
        events.add("features");
        if (!running.isEmpty() || (acked & ProtocolFeatures.F_PROTOCOL_FEATURES) != 0) {
            throw new AssertionError("features while running, or bit 30");
        }
    }

    @Override
    public void startRing(int index, Ring ring) {
        if (failure != null && (failsToStart == -1 || failsToStart == index)) {
            running.put(index, ring);
            throw failure;
        }
        events.add("start " + index + (ring.enabled() ? " enabled" : " disabled"));
        starts++;
        if (running.put(index, ring) != null) {
            throw new AssertionError("ring " + index + " started twice");
        }
    }

    @Override
    public QueueState stopRing(int index) {
        events.add("stop " + index);
        stops++;
        Ring ring = running.remove(index);
        if (ring == null) {
            throw new AssertionError("ring " + index + " stopped and not running");
        }
        if (index == failsToStop) {
            throw new IllegalStateException("agent does not let go of ring " + index);
        }
        int at = ring.state().lastAvailIdx() + progress & 0xFFFF;
        return new QueueState(at, at, QueueState.UNSIGNALLED);
    }

    @Override
    public void enableRing(int index, boolean enabled) {
        require(index);
        events.add((enabled ? "enable " : "disable ") + index);
    }

    @Override
    public void memoryChanged(GuestMemory memory, List<RingLayout> layouts) {
        events.add("memory " + memory.regions().size() + " regions, " + layouts.size() + " rings");
        if (!layouts.stream().map(RingLayout::index).toList().equals(List.copyOf(running.keySet()))) {
            throw new AssertionError("layouts " + layouts + " for rings " + running.keySet());
        }
        onMemoryChanged.run();
    }

    @Override
    public void logChanged(@Nullable DirtyLog log) {
        events.add("log " + (log == null ? "off" : "on"));
    }

    @Override
    public void kickChanged(int index, @Nullable EventFd kick) {
        require(index);
        events.add("kick " + index + (kick == null ? " none" : ""));
    }

    @Override
    public void callChanged(int index, @Nullable EventFd call) {
        require(index);
        events.add("call " + index + (call == null ? " none" : ""));
    }

    @Override
    public void errChanged(int index, @Nullable EventFd err) {
        require(index);
        events.add("err " + index + (err == null ? " none" : ""));
    }

    @Override
    public boolean mtu(int mtu) {
        events.add("mtu " + mtu);
        return mtu <= 9000;
    }

    @Override
    public void announce(byte[] mac) {
        events.add("announce " + java.util.HexFormat.ofDelimiter(":").formatHex(mac));
    }

    @Override
    public void reset() {
        events.add("reset");
        if (!running.isEmpty()) {
            throw new AssertionError("reset with running rings " + running.keySet());
        }
    }

    @Override
    public void refused(ProtocolException why) {
        refusals.add(why);
    }

    @Override
    public void disconnected() {
        if (disconnected) {
            throw new AssertionError("disconnected twice");
        }
        disconnected = true;
    }

    Ring ring(int index) {
        Ring ring = running.get(index);
        if (ring == null) {
            throw new AssertionError("ring " + index + " is not running: " + events);
        }
        return ring;
    }

    private void require(int index) {
        ring(index);
    }
}
