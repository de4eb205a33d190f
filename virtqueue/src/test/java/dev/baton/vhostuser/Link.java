package dev.baton.vhostuser;

import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.UnixSocket;
import dev.baton.virtqueue.Features;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Both ends of a connection in one thread: a front end that can say anything, and a back end that is told to look. */
final class Link implements AutoCloseable {
    static final long MEMORY_BYTES = 1 << 20;
    static final int RING_SIZE = 64;

    RecordingDevice device;
    BackendConnection backEnd;
    final FrontEnd frontEnd;
    final FrontEndChannel channel;
    final SharedMemory memory = SharedMemory.create(0x10_0000, MEMORY_BYTES);
    final List<FrontEndRing> rings = new ArrayList<>();
    /** With need_reply, every request that has no reply of its own. */
    boolean acknowledged;

    Link() {
        this(new RecordingDevice());
    }

    Link(RecordingDevice device) {
        this.device = device;
        Fd[] pair = UnixSocket.pair(UnixSocket.STREAM);
        FileIo.setNonBlocking(pair[0], true);
        backEnd = new BackendConnection(pair[0], device);
        frontEnd = new FrontEnd(pair[1], Duration.ofSeconds(2));
        channel = frontEnd.channel();
        for (int i = 0; i < 4; i++) {
            rings.add(FrontEndRing.create(i, RING_SIZE, memory));
        }
    }

    /** The back end looks at what has come. */
    boolean pump() throws ProtocolException {
        return backEnd.onReadable();
    }

    /** Sends a request and has it handled; with an acknowledgement, returns what that says, else 0. */
    long tell(Request request, byte[] body, Fd... descriptors) throws ProtocolException {
        channel.send(request, acknowledged, body, descriptors);
        pump();
        return acknowledged ? channel.receive(request) : 0;
    }

    /** The kind of error that ends the connection when this is sent. */
    ErrorKind kindOf(Request request, byte[] body, Fd... descriptors) {
        try {
            tell(request, body, descriptors);
        } catch (ProtocolException e) {
            return e.kind();
        }
        throw new AssertionError(request + " was taken");
    }

    long ask(Request request, byte[] body, Fd... descriptors) throws ProtocolException {
        channel.send(request, false, body, descriptors);
        pump();
        return channel.receive(request);
    }

    /** The beginning of a session: all that is offered is acked. */
    void negotiate() throws ProtocolException {
        long offered = ask(Request.GET_FEATURES, Body.EMPTY);
        if ((offered & ProtocolFeatures.F_PROTOCOL_FEATURES) != 0) {
            tell(Request.SET_PROTOCOL_FEATURES, Body.u64(ask(Request.GET_PROTOCOL_FEATURES, Body.EMPTY)));
        }
        tell(Request.SET_OWNER, Body.EMPTY);
        tell(Request.SET_FEATURES, Body.u64(offered & ~Features.LOG_ALL));
    }

    void shareMemory() throws ProtocolException {
        tell(Request.SET_MEM_TABLE, Body.table(memory), memory.file());
    }

    /** Everything a ring needs, in QEMU's order. */
    void startRing(int index) throws ProtocolException {
        FrontEndRing ring = rings.get(index);
        tell(Request.SET_VRING_NUM, Body.u32(index, RING_SIZE));
        tell(Request.SET_VRING_BASE, Body.u32(index, 0));
        tell(Request.SET_VRING_ADDR, Body.addresses(ring));
        tell(Request.SET_VRING_KICK, Body.u64(index), ring.kick().fd());
        tell(Request.SET_VRING_CALL, Body.u64(index), ring.call().fd());
    }

    /** A session with rings 0 and 1 running and enabled. */
    static Link running() throws ProtocolException {
        Link link = new Link();
        link.negotiate();
        link.tell(Request.SET_VRING_ENABLE, Body.u32(0, 1));
        link.tell(Request.SET_VRING_ENABLE, Body.u32(1, 1));
        link.shareMemory();
        link.startRing(0);
        link.startRing(1);
        link.device.events.clear();
        return link;
    }

    /** Another owner continues the connection over duplicates of every descriptor, and the one before lets go. */
    void handOver(RecordingDevice successor) throws ProtocolException {
        BackendConnection continued = BackendConnection.restore(backEnd.socket().duplicate(), successor,
            States.duplicate(backEnd.state()));
        backEnd.abandon();
        backEnd = continued;
        device = successor;
    }

    int stopRing(int index) throws ProtocolException {
        return (int) (ask(Request.GET_VRING_BASE, Body.u32(index, 0)) >>> 32);
    }

    /** The front end goes, and takes its memory and eventfds with it. */
    void vanish() {
        frontEnd.close();
        rings.forEach(FrontEndRing::close);
        memory.close();
    }

    @Override
    public void close() {
        vanish();
        backEnd.close();
    }
}
