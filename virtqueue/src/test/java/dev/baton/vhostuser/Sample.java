package dev.baton.vhostuser;

import dev.baton.ffi.Fd;
import java.util.ArrayList;
import java.util.List;

/** One good message of every request that is served, as they fit a session with running rings. */
final class Sample {
    private final Request request;
    private final byte[] body;
    private final Fd[] descriptors;

    private Sample(Request request, byte[] body, Fd... descriptors) {
        this.request = request;
        this.body = body;
        this.descriptors = descriptors;
    }

    /** The messages; {@code spare} is memory that the session does not have yet. */
    static List<Sample> all(Link link, SharedMemory spare) {
        FrontEndRing ring = link.rings.get(2);
        List<Sample> all = new ArrayList<>();
        all.add(new Sample(Request.GET_FEATURES, Body.EMPTY));
        all.add(new Sample(Request.SET_FEATURES,
            Body.u64(RecordingDevice.FEATURES | ProtocolFeatures.F_PROTOCOL_FEATURES)));
        all.add(new Sample(Request.SET_OWNER, Body.EMPTY));
        all.add(new Sample(Request.SET_LOG_BASE, Body.u64(4096, 0), spare.file()));
        all.add(new Sample(Request.SET_LOG_FD, Body.u64(0), ring.call().fd()));
        all.add(new Sample(Request.SET_VRING_NUM, Body.u32(2, Link.RING_SIZE)));
        all.add(new Sample(Request.SET_VRING_BASE, Body.u32(2, 0)));
        all.add(new Sample(Request.SET_VRING_ADDR, Body.addresses(ring)));
        all.add(new Sample(Request.SET_VRING_CALL, Body.u64(2), ring.call().fd()));
        all.add(new Sample(Request.SET_VRING_ERR, Body.u64(2), ring.call().fd()));
        all.add(new Sample(Request.SET_VRING_KICK, Body.u64(2), ring.kick().fd()));
        all.add(new Sample(Request.GET_PROTOCOL_FEATURES, Body.EMPTY));
        all.add(new Sample(Request.SET_PROTOCOL_FEATURES, Body.u64(ProtocolFeatures.IMPLEMENTED)));
        all.add(new Sample(Request.GET_QUEUE_NUM, Body.EMPTY));
        all.add(new Sample(Request.SET_VRING_ENABLE, Body.u32(2, 1)));
        all.add(new Sample(Request.SEND_RARP, Body.u64(0x0605_0403_0201L)));
        all.add(new Sample(Request.NET_SET_MTU, Body.u64(1500)));
        all.add(new Sample(Request.GET_MAX_MEM_SLOTS, Body.EMPTY));
        all.add(new Sample(Request.ADD_MEM_REG, Body.slot(spare), spare.file()));
        all.add(new Sample(Request.REM_MEM_REG, Body.slot(spare)));
        all.add(new Sample(Request.SET_MEM_TABLE, Body.table(link.memory, spare), link.memory.file(), spare.file()));
        all.add(new Sample(Request.SET_STATUS, Body.u64(15)));
        all.add(new Sample(Request.GET_STATUS, Body.EMPTY));
        all.add(new Sample(Request.GET_VRING_BASE, Body.u32(2, 0)));
        all.add(new Sample(Request.RESET_OWNER, Body.EMPTY));
        all.add(new Sample(Request.RESET_DEVICE, Body.EMPTY));
        // These are for a device whose rings are stopped.
        all.add(new Sample(Request.GET_INFLIGHT_FD, Body.inflight(0, 0, 4, Link.RING_SIZE)));
        all.add(new Sample(Request.SET_INFLIGHT_FD, Body.inflight(4096, 0, 1, Link.RING_SIZE), spare.file()));
        all.add(new Sample(Request.SET_DEVICE_STATE_FD, Body.u32(DeviceState.SAVE, DeviceState.STOPPED),
            ring.call().fd()));
        all.add(new Sample(Request.CHECK_DEVICE_STATE, Body.EMPTY));
        return all;
    }

    Request request() {
        return request;
    }

    byte[] body() {
        return body;
    }

    Fd[] descriptors() {
        return descriptors;
    }

    byte[] bytes() {
        return FrontEndChannel.encode(request.code(), false, body);
    }

    @Override
    public String toString() {
        return request.name();
    }
}
