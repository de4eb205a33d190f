package dev.baton.vhostuser;

import dev.baton.ffi.EventFd;
import dev.baton.ffi.Fd;
import dev.baton.virtqueue.QueueState;
import dev.baton.virtqueue.VirtqueueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The front-end side of a vhost-user connection, as a guest's QEMU is: for tests, the demo and the perf tool. Every
 * method sends one message and waits for its answer where there is one; where REPLY_ACK was negotiated there always is.
 *
 * <pre>
 *   try (FrontEnd frontEnd = FrontEnd.connect(path, Duration.ofSeconds(5));
 *        SharedMemory memory = SharedMemory.create(0, 64 &lt;&lt; 20);
 *        FrontEndRing ring = FrontEndRing.create(0, 256, memory)) {
 *       long features = frontEnd.negotiate(wanted, ProtocolFeatures.IMPLEMENTED);
 *       frontEnd.setMemoryTable(List.of(memory));
 *       frontEnd.startRing(ring);
 *       frontEnd.enableRing(0, true);
 *       var driver = VirtqueueDriver.of(ring.layout(), features);
 *       ...
 *       int base = frontEnd.stopRing(0);
 *   }
 * </pre>
 *
 * <p>A refusal is a {@link ProtocolException} of kind REFUSED, a back end that closed the connection one of kind
 * VANISHED. For bad input there is {@link #channel}, which sends anything. One thread at a time.
 */
public final class FrontEnd implements AutoCloseable {
    private final FrontEndChannel channel;
    private long protocolFeatures;

    /**
     * A front end over a connected socket, which it owns from now on.
     *
     * @param timeout how long to wait for the back end in each call
     */
    public FrontEnd(Fd socket, Duration timeout) {
        channel = new FrontEndChannel(socket, timeout);
    }

    /** Connects to a back end that listens at this path, or will before time is up. */
    public static FrontEnd connect(Path path, Duration timeout) throws ProtocolException {
        return new FrontEnd(FrontEndChannel.connect(path, timeout), timeout);
    }

    /** Waits for a back end to connect to a listening socket. */
    public static FrontEnd accept(Fd listener, Duration timeout) throws ProtocolException {
        return new FrontEnd(FrontEndChannel.accept(listener, timeout), timeout);
    }

    /** The message channel below: any bytes, any descriptors. */
    public FrontEndChannel channel() {
        return channel;
    }

    /**
     * The usual beginning: takes what is offered of the features that are wanted.
     *
     * @return the virtio features in use, without bit 30
     */
    public long negotiate(long wantedFeatures, long wantedProtocolFeatures) throws ProtocolException {
        long offered = offeredFeatures();
        long protocolBit = offered & ProtocolFeatures.F_PROTOCOL_FEATURES;
        if (protocolBit != 0) {
            ackProtocolFeatures(offeredProtocolFeatures() & wantedProtocolFeatures);
        }
        setOwner();
        long features = offered & wantedFeatures & ~ProtocolFeatures.F_PROTOCOL_FEATURES;
        ackFeatures(features | protocolBit);
        return features;
    }

    /** GET_FEATURES. */
    public long offeredFeatures() throws ProtocolException {
        return ask(Request.GET_FEATURES, body(0));
    }

    /** SET_FEATURES. */
    public void ackFeatures(long features) throws ProtocolException {
        tell(Request.SET_FEATURES, body(8).int64(0, features));
    }

    /** GET_PROTOCOL_FEATURES. */
    public long offeredProtocolFeatures() throws ProtocolException {
        return ask(Request.GET_PROTOCOL_FEATURES, body(0));
    }

    /** SET_PROTOCOL_FEATURES. */
    public void ackProtocolFeatures(long features) throws ProtocolException {
        tell(Request.SET_PROTOCOL_FEATURES, body(8).int64(0, features));
        protocolFeatures = features;
    }

    /** SET_OWNER. */
    public void setOwner() throws ProtocolException {
        tell(Request.SET_OWNER, body(0));
    }

    /** RESET_OWNER. */
    public void resetOwner() throws ProtocolException {
        tell(Request.RESET_OWNER, body(0));
    }

    /** RESET_DEVICE. */
    public void resetDevice() throws ProtocolException {
        tell(Request.RESET_DEVICE, body(0));
    }

    /** GET_QUEUE_NUM: how many queue pairs there may be. */
    public int maxQueuePairs() throws ProtocolException {
        return (int) ask(Request.GET_QUEUE_NUM, body(0));
    }

    /** GET_MAX_MEM_SLOTS. */
    public int maxMemorySlots() throws ProtocolException {
        return (int) ask(Request.GET_MAX_MEM_SLOTS, body(0));
    }

    /** GET_STATUS. */
    public int status() throws ProtocolException {
        return (int) ask(Request.GET_STATUS, body(0));
    }

    /** SET_STATUS. */
    public void status(int status) throws ProtocolException {
        tell(Request.SET_STATUS, body(8).int64(0, status));
    }

    /** NET_SET_MTU. */
    public void mtu(int mtu) throws ProtocolException {
        tell(Request.NET_SET_MTU, body(8).int64(0, mtu));
    }

    /** SEND_RARP with a MAC address of six bytes. */
    public void announce(byte[] mac) throws ProtocolException {
        Message message = body(8).int64(0, 0);
        for (int i = 0; i < 6; i++) {
            message.int8(i, mac[i]);
        }
        tell(Request.SEND_RARP, message);
    }

    /** SET_MEM_TABLE: these regions, up to eight, and no others. */
    public void setMemoryTable(List<SharedMemory> regions) throws ProtocolException {
        Message message = body(RequestSyntax.TABLE_HEADER_BYTES + regions.size() * RequestSyntax.REGION_BYTES);
        message.int32(0, regions.size()).int32(4, 0);
        for (int i = 0; i < regions.size(); i++) {
            regions.get(i).description().write(message,
                RequestSyntax.TABLE_HEADER_BYTES + i * RequestSyntax.REGION_BYTES);
        }
        tell(Request.SET_MEM_TABLE, message, regions.stream().map(SharedMemory::file).toArray(Fd[]::new));
    }

    /** ADD_MEM_REG. */
    public void addMemory(SharedMemory region) throws ProtocolException {
        Message message = body(8 + RequestSyntax.REGION_BYTES).int64(0, 0);
        region.description().write(message, 8);
        tell(Request.ADD_MEM_REG, message, region.file());
    }

    /** REM_MEM_REG. */
    public void removeMemory(SharedMemory region) throws ProtocolException {
        Message message = body(8 + RequestSyntax.REGION_BYTES).int64(0, 0);
        region.description().write(message, 8);
        tell(Request.REM_MEM_REG, message);
    }

    /** SET_LOG_BASE: the dirty log is this memory. */
    public void setLog(SharedMemory log) throws ProtocolException {
        Message message = body(16).int64(0, log.description().sizeBytes()).int64(8, log.description().fileOffset());
        message.header(Request.SET_LOG_BASE.code(), Message.VERSION, message.bodyBytes());
        channel.send(message, log.file());
        channel.receive(Request.SET_LOG_BASE);
    }

    /**
     * GET_INFLIGHT_FD: a region in which the back end leaves where its virtqueues stand, so many, of at most so many
     * descriptors each. Give it to the back end with {@link #setInflight}, and to the next one after it.
     *
     * @return its descriptor is the caller's
     */
    public InflightState inflight(int queues, int queueSize) throws ProtocolException {
        Message message = body(InflightState.BODY_BYTES).int64(0, 0).int64(8, 0)
            .int32(16, queues | queueSize << 16).int32(InflightState.UNPADDED_BODY_BYTES, 0);
        message.header(Request.GET_INFLIGHT_FD.code(), Message.VERSION, InflightState.BODY_BYTES);
        channel.send(message);
        Message reply = channel.receiveMessage(Request.GET_INFLIGHT_FD);
        if (reply.descriptors().isEmpty()) {
            throw new ProtocolException(ErrorKind.UNEXPECTED_REPLY, "GET_INFLIGHT_FD: a reply without a descriptor");
        }
        return InflightState.read(reply, reply.takeDescriptor(0));
    }

    /** SET_INFLIGHT_FD, before the first ring is started; the descriptor stays the caller's. */
    public void setInflight(InflightState inflight) throws ProtocolException {
        tell(Request.SET_INFLIGHT_FD, body(InflightState.BODY_BYTES).int64(0, inflight.sizeBytes())
            .int64(8, inflight.fileOffset()).int32(16, inflight.numbers())
            .int32(InflightState.UNPADDED_BODY_BYTES, 0), inflight.file());
    }

    /** The back end's state, for {@link #loadDeviceState} of another one; all rings are stopped. */
    public byte[] saveDeviceState() throws ProtocolException {
        return new FrontEndTransfer(channel).save();
    }

    /** Gives a back end the state of another one; no ring is started yet. */
    public void loadDeviceState(byte[] state) throws ProtocolException {
        new FrontEndTransfer(channel).load(state);
    }

    /** SET_VRING_NUM. */
    public void ringSize(int index, int size) throws ProtocolException {
        tell(Request.SET_VRING_NUM, body(8).int32(0, index).int32(4, size));
    }

    /** SET_VRING_BASE. */
    public void ringBase(int index, int base) throws ProtocolException {
        tell(Request.SET_VRING_BASE, body(8).int32(0, index).int32(4, base));
    }

    /** SET_VRING_ADDR of a virtqueue in shared memory, given by host addresses of this process. */
    public void ringAddresses(int index, VirtqueueLayout layout, SharedMemory memory) throws ProtocolException {
        ringAddresses(index, memory.userOf(layout.descriptorTable()), memory.userOf(layout.usedRing()),
            memory.userOf(layout.availableRing()));
    }

    /** SET_VRING_ADDR with front-end user addresses. */
    public void ringAddresses(int index, long descriptorTable, long usedRing, long availableRing)
        throws ProtocolException {
        tell(Request.SET_VRING_ADDR, body(40).int32(0, index).int32(4, 0).int64(8, descriptorTable)
            .int64(16, usedRing).int64(24, availableRing).int64(32, 0));
    }

    /** SET_VRING_KICK; null: the back end is to poll. */
    public void ringKick(int index, @Nullable EventFd kick) throws ProtocolException {
        tellEventFd(Request.SET_VRING_KICK, index, kick);
    }

    /** SET_VRING_CALL; null: the driver polls. */
    public void ringCall(int index, @Nullable EventFd call) throws ProtocolException {
        tellEventFd(Request.SET_VRING_CALL, index, call);
    }

    /** SET_VRING_ERR; null: nobody listens. */
    public void ringErr(int index, @Nullable EventFd err) throws ProtocolException {
        tellEventFd(Request.SET_VRING_ERR, index, err);
    }

    /** SET_VRING_ENABLE. */
    public void enableRing(int index, boolean enabled) throws ProtocolException {
        tell(Request.SET_VRING_ENABLE, body(8).int32(0, index).int32(4, enabled ? 1 : 0));
    }

    /** Size, base, addresses, call and kick, after which the ring is started; it is not enabled by this. */
    public void startRing(FrontEndRing ring) throws ProtocolException {
        startRing(ring, QueueState.freshPosition(ring.layout().format()));
    }

    /** {@link #startRing(FrontEndRing)} where the driver stands at {@code base}. */
    public void startRing(FrontEndRing ring, int base) throws ProtocolException {
        ringSize(ring.index(), ring.layout().size());
        ringBase(ring.index(), base);
        ringAddresses(ring.index(), ring.layout(), ring.memory());
        ringCall(ring.index(), ring.call());
        ringKick(ring.index(), ring.kick());
    }

    /** GET_VRING_BASE: stops the ring; returns where it stands, as SET_VRING_BASE takes it. */
    public int stopRing(int index) throws ProtocolException {
        return (int) (ask(Request.GET_VRING_BASE, body(8).int32(0, index).int32(4, 0)) >>> 32);
    }

    /** Closes the connection, which stops all rings. */
    @Override
    public void close() {
        channel.close();
    }

    private Message body(int bytes) {
        Message message = channel.outgoing();
        message.header(0, Message.VERSION, bytes);
        return message;
    }

    private void tellEventFd(Request request, int index, @Nullable EventFd eventFd) throws ProtocolException {
        if (eventFd == null) {
            tell(request, body(8).int64(0, index | RequestSyntax.NO_DESCRIPTOR));
        } else {
            tell(request, body(8).int64(0, index), eventFd.fd());
        }
    }

    private long ask(Request request, Message message) throws ProtocolException {
        message.header(request.code(), Message.VERSION, message.bodyBytes());
        channel.send(message);
        return channel.receive(request);
    }

    private void tell(Request request, Message message, Fd... descriptors) throws ProtocolException {
        boolean acknowledged = (protocolFeatures & ProtocolFeatures.REPLY_ACK) != 0;
        message.header(request.code(), Message.VERSION | (acknowledged ? Message.FLAG_NEED_REPLY : 0),
            message.bodyBytes());
        channel.send(message, descriptors);
        if (acknowledged && channel.receive(request) != 0) {
            throw new ProtocolException(ErrorKind.REFUSED, request + " with " + Arrays.toString(descriptors));
        }
    }
}
