package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.datapath.FlowPacket.Checksum;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import dev.baton.tap.TapConfig;
import dev.baton.tap.TapDevice;
import dev.baton.vhostuser.ProtocolException;
import dev.baton.virtqueue.VirtioNetHeader;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;

/**
 * A TAP of Baton's that is wired to a guest's port, and gets what the test writes to the other end of a bridge.
 *
 * <pre>
 *   write() to t0 -- bridge -- t1 (Baton) = guest
 * </pre>
 */
final class BridgedTap implements AutoCloseable {
    private static final String MTU = "9000";

    private final TestNamespace namespace = TestNamespace.createOrSkip();
    private final TapDevice t0;
    private final Mapping buffer = Mapping.anonymous(TapDevice.MAX_FRAME_BYTES);
    /** Frames that arrived, joined ones as one. */
    private int arrived;
    private Datapath datapath;
    private VhostUserPort port;

    BridgedTap() {
        t0 = TapDevice.open(TapConfig.builder("t0").networkNamespace(namespace.path()).up(true).build());
        namespace.ip("link", "add", "br0", "type", "bridge", "mcast_snooping", "0");
        namespace.ip("link", "set", "t0", "master", "br0", "mtu", MTU);
        namespace.ip("link", "set", "br0", "up");
        datapath = launch();
        port = wire(true);
    }

    /** Begins anew, with the option at the guest's port or without. */
    void relaunch(boolean coalescing) {
        datapath.close();
        datapath = launch();
        port = wire(coalescing);
    }

    private static Datapath launch() {
        return Datapath.launch(DatapathConfig.defaults().withName("test"));
    }

    private VhostUserPort wire(boolean coalescing) {
        TapPort t1 = datapath.add(TapPortConfig.named("t1").withNetns(namespace.path()));
        namespace.ip("link", "set", "t1", "master", "br0", "mtu", MTU);
        VhostUserPort added = datapath.add(VhostUserPortConfig.listen("guest", TestSockets.path("guest"))
            .withCoalescing(coalescing));
        datapath.wire(added, t1);
        return added;
    }

    TestGuest connect(TestGuest.Shape shape) throws ProtocolException {
        return TestGuest.connect(port.socketPath(), shape);
    }

    Datapath datapath() {
        return datapath;
    }

    /** The datapath has another owner. */
    void owner(Datapath next) {
        datapath = next;
    }

    /** Frames that arrived by the last exchange, joined ones as one. */
    int arrived() {
        return arrived;
    }

    PortStats stats(String name) {
        return Objects.requireNonNull(datapath.counters().ports().get(name));
    }

    /** What arrives, cut, when all of these packets wait in the TAP. */
    List<String> exchange(TestGuest guest, List<FlowPacket> packets) {
        return exchange(guest, () -> packets.forEach(this::write));
    }

    /** What arrives, cut, when all that this writes waits in the TAP. */
    List<String> exchange(TestGuest guest, Runnable writer) {
        greet(guest);
        CountDownLatch written = new CountDownLatch(1);
        datapath.agents().getFirst().post(() -> Patience.await("all is written", () -> written.getCount() == 0));
        writer.run();
        FlowPacket last = Flows.packet(false, false, 0, Checksum.NONE);
        last.sourcePort = 1;
        write(last);
        written.countDown();
        return receive(guest, CutFrames.of(List.of(last)).getFirst());
    }

    /** Waits until frames pass, and none is on its way. */
    void greet(TestGuest guest) {
        FlowPacket greeting = Flows.packet(false, false, 0, Checksum.NONE);
        int[] got = new int[1];
        while (got[0] == 0) {
            write(greeting);
            LockSupport.parkNanos(1_000_000);
            guest.receive(0, (address, length) -> got[0]++);
            OffloadedFrames.checkTime("nothing passes");
        }
        greeting.sourcePort++;
        write(greeting);
        receive(guest, CutFrames.of(List.of(greeting)).getFirst());
    }

    void write(FlowPacket packet) {
        write(packet.header(), packet.frame());
    }

    void write(byte[] header, byte[] frame) {
        RawMemory.copyFromArray(header, 0, buffer.address(), header.length);
        RawMemory.copyFromArray(frame, 0, buffer.address() + header.length, frame.length);
        long length = (long) header.length + frame.length;
        assertThat(t0.queue(0).write(buffer.address(), length)).isEqualTo(length);
    }

    private List<String> receive(TestGuest guest, String last) {
        arrived = -1;
        try (CutFrames cut = new CutFrames()) {
            while (cut.frames().isEmpty() || !cut.frames().getLast().equals(last)) {
                guest.receive(0, (address, length) -> received(cut, address, length));
                OffloadedFrames.checkTime(cut.frames().size() + " frames arrived");
            }
            return cut.frames().subList(0, cut.frames().size() - 1);
        }
    }

    /** Cuts a frame of the guest's. */
    void received(CutFrames cut, long address, int length) {
        byte[] header = new byte[VirtioNetHeader.LENGTH];
        byte[] frame = new byte[length];
        RawMemory.copyToArray(address - header.length, header, 0, header.length);
        RawMemory.copyToArray(address, frame, 0, length);
        assertThat(cut.add(header, frame)).as("frames of one").isPositive();
        arrived++;
    }

    @Override
    public void close() {
        datapath.close();
        t0.close();
        namespace.close();
        buffer.close();
    }
}
