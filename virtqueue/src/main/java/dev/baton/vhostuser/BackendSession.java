package dev.baton.vhostuser;

import dev.baton.ffi.EventFd;
import dev.baton.ffi.Fd;
import dev.baton.virtqueue.DirtyLog;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.RingFormat;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What the back end answers to each request, and what it remembers. It sees only messages that {@link RequestSyntax}
 * has passed. A request that it refuses, by a {@link ProtocolException}, leaves everything as it was.
 *
 * <p>The memory table is replaced in three steps: find every running ring's place in the new table, which may refuse
 * the whole; tell the device, which returns when no agent looks at the old table any more; unmap what is no longer
 * needed.
 *
 * <p>While LOG_ALL is acked and there is memory for it, the device notes what it writes to guest memory, the used rings
 * too: a front end asks for those one by one, in flags of SET_VRING_ADDR, and reads nothing wrong from a page that is
 * noted without need. LOG_ALL alone may be acked, and taken back, while rings run: that is how a migration begins and
 * ends.
 */
final class BackendSession {
    private static final int MIN_MTU = 68;
    private static final int MAX_MTU = 65535;
    /** VHOST_VRING_F_LOG in the flags of SET_VRING_ADDR. */
    private static final int LOG_USED_RING = 1;

    private final BackendDevice device;
    private final RingTable rings;
    private final long offeredFeatures;
    private final long offeredProtocolFeatures;

    private MemoryTable table;
    /** The table that the device was told to leave and did not yet; empty but in the middle of a replacement. */
    private MemoryTable leaving = MemoryTable.EMPTY;
    private final LentMemory lent = new LentMemory();
    private final DeviceState deviceState;
    /** The log that the device knows. */
    private @Nullable DirtyLog noted;
    private long ackedFeatures;
    private long ackedProtocolFeatures;
    private int status;

    BackendSession(BackendDevice device) {
        this.device = device;
        this.rings = new RingTable(device);
        this.table = MemoryTable.empty(device.memoryLimitBytes());
        this.deviceState = new DeviceState(device);
        this.offeredProtocolFeatures = device.protocolFeatures() & ProtocolFeatures.IMPLEMENTED;
        boolean logs = (offeredProtocolFeatures & ProtocolFeatures.LOG_SHMFD) != 0;
        this.offeredFeatures = (device.features() & (logs ? -1 : ~Features.LOG_ALL))
            | (offeredProtocolFeatures == 0 ? 0 : ProtocolFeatures.F_PROTOCOL_FEATURES);
    }

    /** Whether the front end may ask for acknowledgements. */
    boolean acknowledges() {
        return (ackedProtocolFeatures & ProtocolFeatures.REPLY_ACK) != 0;
    }

    /** See {@link SharedFile}. */
    void checkMemory() throws ProtocolException {
        SharedFile.check(table.states(), lent.logState(), lent.inflightState());
    }

    /** Handles a well-formed request; returns its own reply, or null where it has none. */
    @Nullable Reply handle(Message message) throws ProtocolException {
        Request request = Request.of(message.code());
        if (request == null || !request.served()) {
            throw new ProtocolException(ErrorKind.UNKNOWN_REQUEST, message.name() + " is not served");
        }
        checkOffered(request);
        switch (request) {
            case GET_FEATURES -> {
                return Reply.of(offeredFeatures);
            }
            case GET_PROTOCOL_FEATURES -> {
                return Reply.of(offeredProtocolFeatures);
            }
            case GET_QUEUE_NUM -> {
                return Reply.of(device.maxQueuePairs());
            }
            case GET_MAX_MEM_SLOTS -> {
                return Reply.of(MemoryTable.MAX_REGIONS);
            }
            case GET_STATUS -> {
                return Reply.of(status);
            }
            case GET_VRING_BASE -> {
                int index = ringIndex(request, Integer.toUnsignedLong(message.int32(0)));
                return Reply.of((long) rings.stopAndTellBase(index) << 32 | index);
            }
            case GET_INFLIGHT_FD -> {
                int numbers = message.int32(16);
                return Reply.of(InflightMemory.create(numbers & 0xFFFF, numbers >>> 16, rings.count(), format()),
                    message.bodyBytes());
            }
            case SET_DEVICE_STATE_FD -> {
                return deviceState.begin(message.int32(0), message.int32(4), rings.anyRunning(), ackedFeatures);
            }
            case CHECK_DEVICE_STATE -> {
                return deviceState.check(offeredFeatures);
            }
            case SET_OWNER -> {
                // A session has one owner, the other end of its socket.
            }
            case SET_FEATURES -> ackFeatures(message.int64(0));
            case SET_PROTOCOL_FEATURES -> ackProtocolFeatures(message.int64(0));
            case SET_LOG_BASE -> {
                setLog(new LogState(message.int64(0), message.int64(8), message.descriptors().getFirst()));
                return Reply.of(0);
            }
            case SET_INFLIGHT_FD ->
                setInflight(InflightState.read(message, message.descriptors().getFirst()));
            case SET_LOG_FD -> {
                // The log is read when the front end needs it; nobody has to be woken up for each page.
            }
            case RESET_OWNER -> rings.disableAll();
            case RESET_DEVICE -> reset();
            case SET_STATUS -> status = (int) inRange(request, message.int64(0), 0, 0xFF);
            case SET_MEM_TABLE -> setTable(message);
            case ADD_MEM_REG -> addRegion(RegionDescription.read(message, 8), message.descriptors().getFirst());
            case REM_MEM_REG -> replaceTable(table.without(RegionDescription.read(message, 8)));
            case NET_SET_MTU -> setMtu(inRange(request, message.int64(0), MIN_MTU, MAX_MTU));
            case SEND_RARP -> announce(message);
            default -> handleRing(request, message);
        }
        return null;
    }

    private void handleRing(Request request, Message message) throws ProtocolException {
        if (EventFds.belongTo(request)) {
            setEventFd(request, ringIndex(request, message.int64(0) & ~RequestSyntax.NO_DESCRIPTOR), message);
            return;
        }
        int index = ringIndex(request, Integer.toUnsignedLong(message.int32(0)));
        int value = message.int32(4);
        switch (request) {
            case SET_VRING_NUM -> rings.size(index, value);
            case SET_VRING_BASE -> rings.base(index, value);
            case SET_VRING_ADDR -> setAddresses(index, value, message);
            case SET_VRING_ENABLE -> rings.enabled(index, inRange(request, Integer.toUnsignedLong(value), 0, 1) == 1);
            default -> throw new AssertionError(request);
        }
    }

    /** What there is to say about the session; the partial message is its reader's. */
    SessionState state(byte[] partialMessage, List<Fd> partialDescriptors) {
        return new SessionState(ackedFeatures, ackedProtocolFeatures, status, table.states(), lent.logState(),
            lent.inflightState(), rings.states(), partialMessage, partialDescriptors);
    }

    /**
     * Takes what another owner of the connection knew, on a session that has seen no message. Everything is checked and
     * mapped before the device is told. After a failure the session is to be closed; it owns nothing of the state but
     * the eventfds of rings, and those only if the device was told.
     */
    void restore(SessionState state) throws ProtocolException {
        SessionCheck.session(state, offeredFeatures, offeredProtocolFeatures);
        RingFormat format = RingFormat.of(state.features());
        SessionCheck.rings(state.rings(), rings.count(), format);
        table = SessionCheck.map(state.regions(), table);
        List<RingLayout> layouts = SessionCheck.place(state.rings(), format, table.memory());
        table.populate();
        LogState logged = state.log();
        if (logged != null) {
            lent.replaceLog(logged);
        }
        noted = lent.activeLog(state.features());
        rings.log(noted);
        InflightState inflight = state.inflight();
        if (inflight != null) {
            rings.inflight(lent.replaceInflight(inflight, rings.count(), format));
        }
        ackedFeatures = state.features();
        ackedProtocolFeatures = state.protocolFeatures();
        status = state.status();
        try {
            if (ackedFeatures != 0) {
                device.featuresAcked(ackedFeatures & ~ProtocolFeatures.F_PROTOCOL_FEATURES);
            }
            rings.restore(state.rings(), layouts, table.memory(), ackedFeatures);
        } catch (RuntimeException e) {
            throw new ProtocolException(ErrorKind.DEVICE_FAILED, "restore: " + e, e);
        }
    }

    /** Unmaps and closes all that another owner goes on with; no ring is stopped. */
    void abandon() {
        rings.closeDescriptors();
        unmap();
    }

    /** Stops every ring, then unmaps and closes all. Where the device cannot stop a ring, nothing is unmapped. */
    void close() {
        rings.stopAll();
        rings.closeDescriptors();
        unmap();
    }

    private void unmap() {
        table.unmapExcept(MemoryTable.EMPTY);
        leaving.unmapExcept(table);
        table = MemoryTable.empty(device.memoryLimitBytes());
        leaving = MemoryTable.EMPTY;
        lent.close();
        deviceState.close();
    }

    private RingFormat format() {
        return RingFormat.of(ackedFeatures);
    }

    private void checkOffered(Request request) throws ProtocolException {
        long needed = request.protocolFeature();
        boolean aboutProtocol =
            request == Request.GET_PROTOCOL_FEATURES || request == Request.SET_PROTOCOL_FEATURES;
        if ((needed & ~offeredProtocolFeatures) != 0 || (aboutProtocol && offeredProtocolFeatures == 0)) {
            throw new ProtocolException(ErrorKind.NOT_NEGOTIATED,
                request + " needs a protocol feature that is not offered: " + ProtocolFeatures.describe(needed));
        }
    }

    private int ringIndex(Request request, long index) throws ProtocolException {
        return (int) inRange(request, index, 0, rings.count() - 1);
    }

    private static long inRange(Request request, long value, long min, long max) throws ProtocolException {
        if (value < min || value > max) {
            throw new ProtocolException(ErrorKind.INVALID_VALUE,
                request + ": " + Long.toUnsignedString(value) + " is not in " + min + ".." + max);
        }
        return value;
    }

    private void ackFeatures(long features) throws ProtocolException {
        if ((features & ~offeredFeatures) != 0) {
            throw new ProtocolException(ErrorKind.INVALID_VALUE,
                "SET_FEATURES: not offered: " + Features.describe(features & ~offeredFeatures));
        }
        if (features == ackedFeatures) {
            // QEMU says them again for each queue pair, while the pairs before it are running.
            return;
        }
        if ((features ^ ackedFeatures) == Features.LOG_ALL) {
            ackedFeatures = features;
            noteWrites();
            return;
        }
        if (rings.anyRunning()) {
            throw new ProtocolException(ErrorKind.RING_REFUSED, "SET_FEATURES: other features while a ring is running");
        }
        device.featuresAcked(features & ~ProtocolFeatures.F_PROTOCOL_FEATURES);
        if (format() != RingFormat.of(features)) {
            dropInflight();
        }
        ackedFeatures = features;
        rings.features(features);
        noteWrites();
    }

    private void noteWrites() {
        DirtyLog active = lent.activeLog(ackedFeatures);
        if (active != noted) {
            noted = active;
            rings.log(active);
            device.logChanged(active);
        }
    }

    private void setLog(LogState described) throws ProtocolException {
        LogMemory before = lent.replaceLog(described);
        noteWrites();
        if (before != null) {
            before.close();
        }
    }

    /** Of the format that is acked by then; it is looked at when a virtqueue starts. */
    private void setInflight(InflightState described) throws ProtocolException {
        if (rings.anyRunning()) {
            throw new ProtocolException(ErrorKind.RING_REFUSED, "SET_INFLIGHT_FD: while a ring is running");
        }
        rings.inflight(lent.replaceInflight(described, rings.count(), format()));
    }

    private void dropInflight() {
        rings.inflight(null);
        lent.dropInflight();
    }

    private void ackProtocolFeatures(long features) throws ProtocolException {
        if ((features & ~offeredProtocolFeatures) != 0) {
            throw new ProtocolException(ErrorKind.INVALID_VALUE, "SET_PROTOCOL_FEATURES: not offered: "
                + ProtocolFeatures.describe(features & ~offeredProtocolFeatures));
        }
        ackedProtocolFeatures = features;
    }

    /** Memory stays: QEMU does not send slots again that it believes to be known. */
    private void reset() {
        rings.reset();
        dropInflight();
        ackedFeatures &= ProtocolFeatures.F_PROTOCOL_FEATURES;
        noteWrites();
        status = 0;
        device.reset();
    }

    private void setMtu(long mtu) throws ProtocolException {
        if (!device.mtu((int) mtu)) {
            throw new ProtocolException(ErrorKind.INVALID_VALUE, "NET_SET_MTU: the device refuses " + mtu);
        }
    }

    private void announce(Message message) {
        byte[] mac = new byte[6];
        for (int i = 0; i < mac.length; i++) {
            mac[i] = message.int8(i);
        }
        device.announce(mac);
    }

    private void setTable(Message message) throws ProtocolException {
        List<RegionDescription> regions = new ArrayList<>();
        for (int i = 0; i < message.descriptors().size(); i++) {
            regions.add(RegionDescription.read(message,
                RequestSyntax.TABLE_HEADER_BYTES + i * RequestSyntax.REGION_BYTES));
        }
        replaceTable(table.map(regions, message.descriptors()));
    }

    private void addRegion(RegionDescription region, Fd file) throws ProtocolException {
        // QEMU 7.2 says the same region once for each queue pair.
        if (!table.contains(region)) {
            replaceTable(table.with(region, file));
        }
    }

    private void replaceTable(MemoryTable replacement) throws ProtocolException {
        List<RingLayout> layouts;
        try {
            layouts = rings.resolveAll(replacement.memory());
        } catch (ProtocolException e) {
            replacement.unmapExcept(table);
            throw new ProtocolException(ErrorKind.MEMORY_REFUSED, "a running ring needs it: " + e.getMessage(), e);
        }
        leaving = table;
        table = replacement;
        if (!layouts.isEmpty()) {
            device.memoryChanged(table.memory(), layouts);
        }
        leaving.unmapExcept(table);
        leaving = MemoryTable.EMPTY;
        rings.memory(table.memory());
    }

    private void setAddresses(int index, int flags, Message message) throws ProtocolException {
        if ((flags & ~LOG_USED_RING) != 0) {
            throw new ProtocolException(ErrorKind.NOT_NEGOTIATED,
                "SET_VRING_ADDR: ring " + index + ": flags 0x" + Integer.toHexString(flags) + " are not offered");
        }
        if (flags != 0) {
            LogMemory.checkUsedRing(index, table.memory(), message.int64(16), message.int64(32));
        }
        rings.addresses(index, new RingAddresses(message.int64(8), message.int64(16), message.int64(24)));
    }

    private void setEventFd(Request request, int index, Message message) throws ProtocolException {
        EventFd eventFd = null;
        if (!message.descriptors().isEmpty()) {
            EventFds.check(request, message.descriptors().getFirst());
            eventFd = EventFd.adopt(message.takeDescriptor(0));
        }
        try {
            switch (request) {
                case SET_VRING_KICK -> rings.kick(index, eventFd);
                case SET_VRING_CALL -> rings.call(index, eventFd);
                default -> rings.err(index, eventFd);
            }
        } catch (ProtocolException | RuntimeException e) {
            if (eventFd != null) {
                eventFd.close();
            }
            throw e;
        }
    }
}
