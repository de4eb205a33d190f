package dev.baton.vhostuser;

import dev.baton.ffi.EventFd;
import dev.baton.virtqueue.DirtyLog;
import dev.baton.virtqueue.GuestMemory;
import dev.baton.virtqueue.InflightQueue;
import dev.baton.virtqueue.QueueState;
import dev.baton.virtqueue.RingFormat;
import dev.baton.virtqueue.VirtqueueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The life of a connection's rings.
 *
 * <p><b>Theory of operation.</b> A ring has two independent states, and all four combinations exist:
 *
 * <pre>
 *                 size, addresses, kick and memory are all there
 *      stopped  -------------------------------------------------&gt;  started
 *               &lt;-------------------------------------------------
 *                 GET_VRING_BASE, RESET_DEVICE, end of connection
 *
 *                 SET_VRING_ENABLE 1
 *      disabled  ------------------&gt;  enabled
 *                &lt;------------------
 *                 SET_VRING_ENABLE 0, RESET_OWNER, RESET_DEVICE
 * </pre>
 *
 * <p>What the front end says about a ring is collected in a {@link RingConfig}, in whatever order it comes: QEMU sends
 * SET_VRING_ENABLE a dozen times before there is a memory table. A ring starts with the message that completes it, in
 * practice SET_VRING_KICK; nobody waits for an actual kick, because front ends rely on a ring that runs at once.
 * Where protocol features were not acked there is no SET_VRING_ENABLE, and a ring is enabled when it starts.
 *
 * <p>A message changes a config only after the device has taken the change: a refused message leaves everything as it
 * was. Sizes and indices of a running ring cannot be changed; other addresses stop it and start it again in the same
 * place; eventfds and the memory table are replaced under it.
 *
 * <p>Source: vhost-user, "Ring states" and "Multiple queue support".
 */
final class RingTable {
    private final BackendDevice device;
    private final RingConfig[] configs;
    private final boolean[] running;
    private GuestMemory memory = GuestMemory.EMPTY;
    private long features;
    private @Nullable DirtyLog log;
    private @Nullable InflightMemory inflight;

    RingTable(BackendDevice device) {
        this.device = device;
        this.configs = new RingConfig[2 * device.maxQueuePairs()];
        this.running = new boolean[configs.length];
        Arrays.fill(configs, RingConfig.INITIAL);
    }

    int count() {
        return configs.length;
    }

    boolean anyRunning() {
        for (boolean one : running) {
            if (one) {
                return true;
            }
        }
        return false;
    }

    private RingFormat format() {
        return RingFormat.of(features);
    }

    /** The acked features, bit 30 included; no ring is running. */
    void features(long acked) {
        features = acked;
    }

    /** What rings that start from now on note their writes in. */
    void log(@Nullable DirtyLog newLog) {
        log = newLog;
    }

    /** Where rings that start from now on leave where they stand; none is running. */
    void inflight(@Nullable InflightMemory region) {
        inflight = region;
    }

    private @Nullable InflightQueue inflight(int index) {
        InflightMemory region = inflight;
        return region == null ? null : region.queue(index);
    }

    void size(int index, int size) throws ProtocolException {
        refuseIfRunning(index, size == configs[index].size(), "its size cannot be changed");
        try {
            format().checkSize(size);
        } catch (IllegalArgumentException e) {
            throw new ProtocolException(ErrorKind.RING_REFUSED, "ring " + index + ": " + e.getMessage(), e);
        }
        change(index, configs[index].withSize(size));
    }

    void base(int index, int base) throws ProtocolException {
        refuseIfRunning(index, false, "its base cannot be changed");
        if (format() == RingFormat.SPLIT) {
            checkBase(index, base, 0);
        }
        configs[index] = configs[index].withBase(base);
    }

    private void checkBase(int index, int base, int size) throws ProtocolException {
        try {
            QueueState.checkBase(base, format(), size);
        } catch (IllegalArgumentException e) {
            throw new ProtocolException(ErrorKind.RING_REFUSED, "ring " + index + ": " + e.getMessage(), e);
        }
    }

    void addresses(int index, RingAddresses addresses) throws ProtocolException {
        RingConfig config = configs[index];
        if (!running[index]) {
            change(index, config.withAddresses(addresses));
        } else if (!addresses.equals(config.addresses())) {
            VirtqueueLayout layout = addresses.resolve(index, format(), config.size(), memory);
            QueueState state = stop(index);
            configs[index] = config.withAddresses(addresses);
            start(index, layout, state);
        }
    }

    /** Takes the kick eventfd, or that there is none; either starts the ring. */
    void kick(int index, @Nullable EventFd kick) throws ProtocolException {
        RingConfig config = configs[index];
        if (running[index]) {
            device.kickChanged(index, kick);
            configs[index] = config.withKick(true, kick);
        } else {
            change(index, config.withKick(true, kick));
        }
        close(config.kick());
    }

    void call(int index, @Nullable EventFd call) {
        RingConfig config = configs[index];
        if (running[index]) {
            device.callChanged(index, call);
        }
        configs[index] = config.withCall(call);
        close(config.call());
    }

    void err(int index, @Nullable EventFd err) {
        RingConfig config = configs[index];
        if (running[index]) {
            device.errChanged(index, err);
        }
        configs[index] = config.withErr(err);
        close(config.err());
    }

    void enabled(int index, boolean enabled) {
        RingConfig config = configs[index];
        if (running[index] && config.enabled() != enabled) {
            device.enableRing(index, enabled);
        }
        configs[index] = config.withEnabled(enabled);
    }

    void disableAll() {
        for (int index = 0; index < configs.length; index++) {
            enabled(index, false);
        }
    }

    /** Stops the ring, if it runs, and returns where the next back end goes on. */
    int stopAndTellBase(int index) {
        if (running[index]) {
            stop(index);
            InflightQueue region = inflight(index);
            if (region != null) {
                region.end();
            }
        }
        RingConfig config = configs[index];
        configs[index] = config.withKick(false, null);
        close(config.kick());
        return configs[index].base();
    }

    /** Where the running rings lie in another memory table; refused if one of them is not wholly in it. */
    List<RingLayout> resolveAll(GuestMemory other) throws ProtocolException {
        List<RingLayout> layouts = new ArrayList<>();
        for (int index = 0; index < configs.length; index++) {
            RingAddresses addresses = configs[index].addresses();
            if (running[index] && addresses != null) {
                layouts.add(new RingLayout(index, addresses.resolve(index, format(), configs[index].size(), other)));
            }
        }
        return layouts;
    }

    /** The memory table was replaced: rings that waited for it start. */
    void memory(GuestMemory replacement) {
        memory = replacement;
        for (int index = 0; index < configs.length; index++) {
            RingConfig config = configs[index];
            RingAddresses addresses = config.addresses();
            if (!running[index] && config.complete() && addresses != null) {
                try {
                    VirtqueueLayout layout = addresses.resolve(index, format(), config.size(), memory);
                    checkBase(index, config.base(), config.size());
                    start(index, layout, place(index, layout));
                } catch (ProtocolException notYet) {
                    // Memory comes region by region: the ring waits for the one that holds it.
                }
            }
        }
    }

    /** What there is to say about every ring. */
    List<RingState> states() {
        List<RingState> states = new ArrayList<>();
        for (int index = 0; index < configs.length; index++) {
            states.add(RingState.of(configs[index], running[index]));
        }
        return states;
    }

    /**
     * Takes what another owner of the connection knew, all of it checked, and runs the rings that were running, as
     * enabled as they were. Nothing has been said about any ring yet.
     *
     * @param layouts of the running ones in this memory
     * @param acked the acked features, bit 30 included
     */
    void restore(List<RingState> states, List<RingLayout> layouts, GuestMemory mapped, long acked) {
        memory = mapped;
        features = acked;
        for (int index = 0; index < configs.length; index++) {
            configs[index] = RingConfig.of(states.get(index));
        }
        for (RingLayout ring : layouts) {
            RingConfig config = configs[ring.index()];
            run(ring.index(), ring.layout(), QueueState.at(config.base(), ring.layout()), config.enabled());
        }
    }

    /** All rings are stopped and disabled, and what was said about them is forgotten. */
    void reset() {
        for (int index = 0; index < configs.length; index++) {
            stopAndTellBase(index);
            configs[index] = configs[index].reset();
        }
        features &= ProtocolFeatures.F_PROTOCOL_FEATURES;
    }

    /** Stops every ring. A device that fails at one is asked for the others all the same. */
    void stopAll() {
        RuntimeException failure = null;
        for (int index = 0; index < configs.length; index++) {
            if (running[index]) {
                try {
                    stop(index);
                } catch (RuntimeException e) {
                    failure = e;
                }
            }
        }
        if (failure != null) {
            throw failure;
        }
    }

    /** Closes every descriptor and forgets the rings: none is running, or no longer here. */
    void closeDescriptors() {
        Arrays.fill(running, false);
        for (int index = 0; index < configs.length; index++) {
            RingConfig config = configs[index];
            configs[index] = RingConfig.INITIAL;
            close(config.kick());
            close(config.call());
            close(config.err());
        }
    }

    /** Takes the new config of a stopped ring, and starts it if nothing is missing any more. */
    private void change(int index, RingConfig config) throws ProtocolException {
        RingConfig before = configs[index];
        RingAddresses addresses = config.addresses();
        if (running[index] || !config.complete() || addresses == null || memory.regions().isEmpty()) {
            configs[index] = config;
            return;
        }
        VirtqueueLayout layout = addresses.resolve(index, format(), config.size(), memory);
        checkBase(index, config.base(), config.size());
        configs[index] = config;
        try {
            start(index, layout, place(index, layout));
        } catch (ProtocolException | RuntimeException e) {
            configs[index] = before;
            throw e;
        }
    }

    /** Where a ring begins whose config is complete. */
    private QueueState place(int index, VirtqueueLayout layout) throws ProtocolException {
        InflightQueue region = inflight(index);
        int base = configs[index].base();
        try {
            return region == null
                ? QueueState.start(base, layout, features) : region.place(base, layout, features);
        } catch (IllegalArgumentException e) {
            throw new ProtocolException(ErrorKind.RING_REFUSED, "ring " + index + ": " + e.getMessage(), e);
        }
    }

    private void start(int index, VirtqueueLayout layout, QueueState at) {
        RingConfig config = configs[index];
        boolean enabled = config.enabled() || (features & ProtocolFeatures.F_PROTOCOL_FEATURES) == 0;
        InflightQueue region = inflight(index);
        if (region != null) {
            region.begin(at, config.size());
        }
        run(index, layout, at, enabled);
    }

    private void run(int index, VirtqueueLayout layout, QueueState state, boolean enabled) {
        RingConfig config = configs[index];
        configs[index] = config.withEnabled(enabled);
        // A device that fails may have begun: it is asked to stop before its memory goes.
        running[index] = true;
        device.startRing(index, new Ring(layout, memory, features & ~ProtocolFeatures.F_PROTOCOL_FEATURES, state,
            config.kick(), config.call(), config.err(), log, inflight(index), enabled));
    }

    private QueueState stop(int index) {
        QueueState state = device.stopRing(index);
        running[index] = false;
        configs[index] = configs[index].withBase(state.base(format()));
        return state;
    }

    private void refuseIfRunning(int index, boolean same, String what) throws ProtocolException {
        if (running[index] && !same) {
            throw new ProtocolException(ErrorKind.RING_REFUSED, "ring " + index + " is running: " + what);
        }
    }

    private static void close(@Nullable EventFd descriptor) {
        if (descriptor != null) {
            descriptor.close();
        }
    }
}
