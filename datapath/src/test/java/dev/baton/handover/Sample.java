package dev.baton.handover;

import dev.baton.ffi.Epoll;
import dev.baton.ffi.EventFd;
import dev.baton.ffi.Fd;
import dev.baton.ffi.MemFd;
import dev.baton.ffi.UnixSocket;
import dev.baton.tap.TapQueueState;
import dev.baton.tap.TapState;
import dev.baton.vhostuser.InflightState;
import dev.baton.vhostuser.LogState;
import dev.baton.vhostuser.RegionState;
import dev.baton.vhostuser.RingAddresses;
import dev.baton.vhostuser.RingState;
import dev.baton.vhostuser.SessionState;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A datapath with one port of every sort, and all the descriptors that it has. */
final class Sample implements AutoCloseable {
    static final String VERSION = "0.1.0-tëst";
    static final long GENERATION = 3;

    private final List<Fd> open = new ArrayList<>();

    Fd file(String name) {
        return keep(MemFd.create(name, 4096));
    }

    Fd eventFd() {
        return keep(EventFd.create().fd());
    }

    Fd socket() {
        Fd[] pair = UnixSocket.pair(UnixSocket.STREAM);
        keep(pair[1]);
        return keep(pair[0]);
    }

    /** Neither file nor socket nor eventfd. */
    Fd epoll() {
        return keep(Epoll.create().fd());
    }

    private Fd keep(Fd fd) {
        open.add(fd);
        return fd;
    }

    DatapathState datapath(Attachment... attachments) {
        return datapathIn(0, attachments);
    }

    DatapathState datapathIn(long pidNamespace, Attachment... attachments) {
        return new DatapathState(VERSION, 4711, pidNamespace, List.of(-1, 3), true, true, file("baton"),
            file("counters"), List.of(attachments));
    }

    Attachment control() {
        return new Attachment("control", "/run/baton.sock", socket());
    }

    SessionState session() {
        return session(null, null);
    }

    /** A session whose guest migrates. */
    SessionState migratingSession() {
        return session(new LogState(1L << 20, 4096, file("log")), null);
    }

    /** A session whose front end keeps an inflight region. */
    SessionState trackedSession() {
        return session(null, new InflightState(1L << 33, 8192, 4, 32_768, file("inflight")));
    }

    private SessionState session(@Nullable LogState log, @Nullable InflightState inflight) {
        RegionState low = new RegionState(0, 0xa0000, 0x7f0000000000L, 0, file("ram"));
        RegionState high = new RegionState(1L << 32, -1L, -4096, 1L << 40, file("high"));
        RingState running = new RingState(256, 65_535, new RingAddresses(0x7f0000001000L, 0x7f0000002000L,
            0x7f0000003000L), true, true, true, eventFd(), eventFd(), eventFd());
        RingState polled = new RingState(1024, 7, new RingAddresses(1, 2, 3), true, false, false, null, eventFd(),
            null);
        RingState unmentioned = new RingState(0, 0, null, false, false, false, null, null, null);
        return new SessionState(-1L, 0x1f3f, 15, List.of(low, high),
            log, inflight, List.of(running, polled, unmentioned, unmentioned), new byte[] {5, 0, 0, 0, 1},
            List.of(file("half")));
    }

    FrontEndState frontEnd(String name, @Nullable SessionState session) {
        return new FrontEndState(name, 2, true, "/run/" + name + ".sock", true, true, 1L << 44, false, 4, socket(),
            session == null ? null : socket(), session);
    }

    /** A port whose front end may have no more than so many bytes mapped. */
    FrontEndState limitedFrontEnd(long memoryLimitBytes) {
        return new FrontEndState("vm0", 2, true, "/run/vm0.sock", true, true, memoryLimitBytes, false, 4, socket(),
            null, null);
    }

    /** A port with a session, whose guest may get frames that were joined. */
    FrontEndState coalescing() {
        return new FrontEndState("vm2", 2, true, "/run/vm2.sock", true, true, 1L << 44, true, 4, socket(), socket(),
            session());
    }

    FrontEndState frontEnd() {
        return frontEnd("vm0", session());
    }

    /** A back end of so many queue pairs, each with so many descriptors. */
    BackEndState backEnd(String name, int queuePairs, int descriptors) {
        List<QueuePairBlob> pairs = new ArrayList<>();
        for (int i = 0; i < queuePairs; i++) {
            List<Fd> fds = new ArrayList<>();
            for (int d = 0; d < descriptors; d++) {
                fds.add(eventFd());
            }
            pairs.add(new QueuePairBlob(new byte[] {(byte) i, 1, 2}, fds));
        }
        return new BackEndState(name, queuePairs, true, "tap", "ifname=" + name, 8,
            new BackendBlob(pairs, new byte[] {9, 8}));
    }

    BackEndState withoutState(String name) {
        return new BackEndState(name, 1, false, "loopback", "", -1, null);
    }

    TapState tap() {
        return new TapState(List.of(new TapQueueState(file("queue0"), true, true, false, true, true, 12),
            new TapQueueState(file("queue1"), true, false, true, true, false, 12)), 0x7f, 0x1d);
    }

    List<PortState> ports() {
        return List.of(frontEnd(), frontEnd("vm1", null), backEnd("uplink", 2, 1), withoutState("loop0"));
    }

    static List<WireState> wires() {
        return List.of(new WireState("vm0", "uplink", List.of(new LaneState(0, 0), new LaneState(1, 5))),
            new WireState("loop0", "vm1", List.of(new LaneState(1, 6))));
    }

    /** A whole description; its descriptors stay this sample's. */
    Description description() {
        return new Description(datapath(control(), new Attachment("memory", "", file("other"))), ports(), wires(),
            GENERATION);
    }

    static void send(HandoverChannel channel, Description description) throws HandoverException {
        DescriptionWriter.write(channel, description.datapath(), description.ports(), description.wires(),
            description.generation());
    }

    @Override
    public void close() {
        open.forEach(Fd::close);
    }
}
