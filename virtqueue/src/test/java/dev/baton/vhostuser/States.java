package dev.baton.vhostuser;

import dev.baton.ffi.Fd;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Session states as they arrive in another process, and with something forged in them. */
final class States {
    private States() {
    }

    /** The same with descriptors of its own, as a UNIX socket makes them. */
    static SessionState duplicate(SessionState state) {
        return new SessionState(state.features(), state.protocolFeatures(), state.status(),
            state.regions().stream().map(region -> withFile(region, region.file().duplicate())).toList(),
            duplicate(state.log()), duplicate(state.inflight()),
            state.rings().stream().map(ring -> withEventFds(ring, duplicate(ring.kick()), duplicate(ring.call()),
                duplicate(ring.err()))).toList(),
            state.partialMessage(), state.partialDescriptors().stream().map(Fd::duplicate).toList());
    }

    static SessionState withNumbers(SessionState state, long features, long protocolFeatures, int status) {
        return new SessionState(features, protocolFeatures, status, state.regions(), state.log(),
            state.inflight(), state.rings(),
            state.partialMessage(), state.partialDescriptors());
    }

    static SessionState withPartial(SessionState state, byte[] bytes, Fd... descriptors) {
        return new SessionState(state.features(), state.protocolFeatures(), state.status(), state.regions(),
            state.log(), state.inflight(), state.rings(), bytes, List.of(descriptors));
    }

    static SessionState withRing(SessionState state, int index, UnaryOperator<RingState> change) {
        List<RingState> rings = new ArrayList<>(state.rings());
        rings.set(index, change.apply(rings.get(index)));
        return withRings(state, rings);
    }

    static SessionState withRings(SessionState state, List<RingState> rings) {
        return new SessionState(state.features(), state.protocolFeatures(), state.status(), state.regions(),
            state.log(), state.inflight(), rings,
            state.partialMessage(), state.partialDescriptors());
    }

    static SessionState withRegions(SessionState state, List<RegionState> regions) {
        return new SessionState(state.features(), state.protocolFeatures(), state.status(), regions, state.log(),
            state.inflight(), state.rings(),
            state.partialMessage(), state.partialDescriptors());
    }

    /** One more region, after the others. */
    static SessionState plusRegion(SessionState state, long guest, long size, long user, long offset, Fd file) {
        List<RegionState> regions = new ArrayList<>(state.regions());
        regions.add(new RegionState(guest, size, user, offset, file));
        return withRegions(state, regions);
    }

    static RingState withSize(RingState ring, int size) {
        return new RingState(size, ring.base(), ring.addresses(), ring.kicked(), ring.running(), ring.enabled(),
            ring.kick(), ring.call(), ring.err());
    }

    static RingState withBase(RingState ring, int base) {
        return new RingState(ring.size(), base, ring.addresses(), ring.kicked(), ring.running(), ring.enabled(),
            ring.kick(), ring.call(), ring.err());
    }

    static RingState withAddresses(RingState ring, @Nullable RingAddresses addresses) {
        return new RingState(ring.size(), ring.base(), addresses, ring.kicked(), ring.running(), ring.enabled(),
            ring.kick(), ring.call(), ring.err());
    }

    static RingState withLife(RingState ring, boolean kicked, boolean running) {
        return new RingState(ring.size(), ring.base(), ring.addresses(), kicked, running, ring.enabled(), ring.kick(),
            ring.call(), ring.err());
    }

    static RingState withEventFds(RingState ring, @Nullable Fd kick, @Nullable Fd call, @Nullable Fd err) {
        return new RingState(ring.size(), ring.base(), ring.addresses(), ring.kicked(), ring.running(), ring.enabled(),
            kick, call, err);
    }

    private static RegionState withFile(RegionState region, Fd file) {
        return new RegionState(region.guestAddress(), region.sizeBytes(), region.userAddress(), region.fileOffset(),
            file);
    }

    private static @Nullable LogState duplicate(@Nullable LogState log) {
        return log == null ? null : new LogState(log.sizeBytes(), log.fileOffset(), log.file().duplicate());
    }

    private static @Nullable InflightState duplicate(@Nullable InflightState region) {
        return region == null ? null : new InflightState(region.sizeBytes(), region.fileOffset(), region.queues(),
            region.queueSize(), region.file().duplicate());
    }

    static SessionState withInflight(SessionState state, InflightState region) {
        return new SessionState(state.features(), state.protocolFeatures(), state.status(), state.regions(),
            state.log(), region, state.rings(), state.partialMessage(), state.partialDescriptors());
    }

    private static @Nullable Fd duplicate(@Nullable Fd fd) {
        return Optional.ofNullable(fd).map(Fd::duplicate).orElse(null);
    }
}
