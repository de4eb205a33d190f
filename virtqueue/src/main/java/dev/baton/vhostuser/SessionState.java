package dev.baton.vhostuser;

import dev.baton.ffi.Fd;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * All that a back end knows about a vhost-user connection, at a moment when it handles no message: what another process
 * needs, besides the socket, to go on without the front end noticing. A dumb record: it may come from anybody and is
 * believed only by {@link BackendConnection#restore}, which checks it.
 *
 * <p>The descriptors of a state that {@link BackendConnection#state} returned are borrowed; those of one that was
 * received belong to its receiver.
 *
 * @param features the acked virtio features, bit 30 included
 * @param protocolFeatures the acked protocol features
 * @param status the virtio device status, 0 to 255
 * @param regions the memory table, in the order in which the front end told it
 * @param log the memory of the dirty log; null where the front end gave none
 * @param inflight the inflight region; null where the front end gave none
 * @param rings every virtqueue, the ones that were never mentioned too; its place is its index
 * @param partialMessage the beginning of a message whose rest is still to come; empty between two messages
 * @param partialDescriptors the descriptors that came with it
 */
@SuppressWarnings("ArrayRecordComponent") // copied in and out; nobody compares states
public record SessionState(long features, long protocolFeatures, int status, List<RegionState> regions,
                           @Nullable LogState log, @Nullable InflightState inflight, List<RingState> rings,
                           byte[] partialMessage, List<Fd> partialDescriptors) {

    /** Copies the lists and the bytes, not the descriptors. */
    public SessionState {
        regions = List.copyOf(regions);
        rings = List.copyOf(rings);
        partialMessage = partialMessage.clone();
        partialDescriptors = List.copyOf(partialDescriptors);
    }

    /** A copy of the bytes. */
    @Override
    public byte[] partialMessage() {
        return partialMessage.clone();
    }

    /** The files of the regions, of the log and of the inflight region. */
    List<Fd> files() {
        List<Fd> all = new ArrayList<>();
        regions.forEach(region -> all.add(region.file()));
        Optional.ofNullable(log).map(LogState::file).ifPresent(all::add);
        Optional.ofNullable(inflight).map(InflightState::file).ifPresent(all::add);
        return all;
    }

    /**
     * Every descriptor in it: of the regions, of the log and of the inflight region, of the virtqueues (kick, call,
     * err), of the partial message.
     */
    public List<Fd> descriptors() {
        List<Fd> all = files();
        for (RingState ring : rings) {
            Stream.of(Optional.ofNullable(ring.kick()), Optional.ofNullable(ring.call()),
                Optional.ofNullable(ring.err())).flatMap(Optional::stream).forEach(all::add);
        }
        all.addAll(partialDescriptors);
        return all;
    }
}
