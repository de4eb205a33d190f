package dev.baton.vhostuser;

import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.GuestMemory;
import dev.baton.virtqueue.QueueState;
import dev.baton.virtqueue.RingFormat;
import java.util.ArrayList;
import java.util.List;

/**
 * What must hold of a {@link SessionState} before a session believes it: a front end could have said it to this device
 * by messages. Each refusal names the field, the region or the ring.
 */
final class SessionCheck {
    private static final int MAX_STATUS = 0xFF;

    private SessionCheck() {
    }

    /** The numbers of the session as a whole, against what the device offers now. */
    static void session(SessionState state, long offered, long offeredProtocol) throws ProtocolException {
        if ((state.features() & ~offered) != 0) {
            throw new ProtocolException(ErrorKind.INVALID_VALUE,
                "features: not offered: " + Features.describe(state.features() & ~offered));
        }
        if ((state.protocolFeatures() & ~offeredProtocol) != 0) {
            throw new ProtocolException(ErrorKind.INVALID_VALUE, "protocol features: not offered: "
                + ProtocolFeatures.describe(state.protocolFeatures() & ~offeredProtocol));
        }
        if (state.status() < 0 || state.status() > MAX_STATUS) {
            throw new ProtocolException(ErrorKind.INVALID_VALUE,
                "status: " + state.status() + " is not in 0.." + MAX_STATUS);
        }
    }

    /** The rings, but for where they lie. */
    static void rings(List<RingState> rings, int count, RingFormat format) throws ProtocolException {
        if (rings.size() != count) {
            throw new ProtocolException(ErrorKind.RING_REFUSED,
                rings.size() + " rings, where the device has " + count);
        }
        for (int index = 0; index < count; index++) {
            try {
                ring(rings.get(index), format);
            } catch (ProtocolException e) {
                throw e.about("ring " + index);
            }
        }
    }

    private static void ring(RingState ring, RingFormat format) throws ProtocolException {
        if (ring.kick() != null && !ring.kicked()) {
            throw new ProtocolException(ErrorKind.RING_REFUSED, "a kick eventfd, and it was not kicked");
        }
        if (ring.running()) {
            needs(ring.size() != 0, "a size");
            needs(ring.addresses() != null, "addresses");
            needs(ring.kicked(), "having been kicked");
            place(ring, format);
        }
        EventFds.checkShared("kick", ring.kick());
        EventFds.checkShared("call", ring.call());
        EventFds.checkShared("err", ring.err());
    }

    /** Of a stopped ring it is looked at when it starts, by then in another format it may be. */
    private static void place(RingState ring, RingFormat format) throws ProtocolException {
        try {
            format.checkSize(ring.size());
            QueueState.checkBase(ring.base(), format, ring.size());
        } catch (IllegalArgumentException e) {
            throw new ProtocolException(ErrorKind.RING_REFUSED, String.valueOf(e.getMessage()), e);
        }
    }

    private static void needs(boolean there, String what) throws ProtocolException {
        if (!there) {
            throw new ProtocolException(ErrorKind.RING_REFUSED, "it runs without " + what);
        }
    }

    /** Maps the whole memory table into an empty one, or nothing; the descriptors stay the caller's. */
    static MemoryTable map(List<RegionState> regions, MemoryTable empty) throws ProtocolException {
        MemoryTable table = empty;
        for (int i = 0; i < regions.size(); i++) {
            try {
                table = table.with(regions.get(i).description(), regions.get(i).file());
            } catch (ProtocolException e) {
                table.unmapExcept(MemoryTable.EMPTY);
                throw e.about("region " + i);
            }
        }
        return table;
    }

    /** Where the running rings lie in this memory; refused if one of them is not wholly in it. */
    static List<RingLayout> place(List<RingState> rings, RingFormat format, GuestMemory memory)
        throws ProtocolException {
        List<RingLayout> layouts = new ArrayList<>();
        for (int index = 0; index < rings.size(); index++) {
            RingState ring = rings.get(index);
            RingAddresses addresses = ring.addresses();
            if (ring.running() && addresses != null) {
                layouts.add(new RingLayout(index, addresses.resolve(index, format, ring.size(), memory)));
            }
        }
        return layouts;
    }
}
