package dev.baton.datapath;

import dev.baton.ffi.RawMemory;
import dev.baton.vhostuser.ProtocolException;
import dev.baton.virtqueue.VirtioNetHeader;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/** Two guests on a route, one of which sends frames of all lengths, and what arrives at the other. */
final class OffloadedFrames {
    static final int SEND_BYTES = 65_536;

    private OffloadedFrames() {
    }

    static TestGuest sender(GuestRoute route, long features) throws ProtocolException {
        return TestGuest.connect(route.one.socketPath(),
            TestGuest.Shape.of(features).withBuffers(64, 2048, SEND_BYTES));
    }

    static TestGuest receiver(GuestRoute route, long features) throws ProtocolException {
        return TestGuest.connect(route.two.socketPath(), TestGuest.Shape.of(features));
    }

    /** A frame as it arrives, in hex digits: its virtio-net header, up to num_buffers, and what Ethernet sees. */
    record Arrived(String header, String frame) {
    }

    static String hex(byte[] bytes, int from, int to) {
        return HexFormat.of().formatHex(bytes, from, to);
    }

    static List<Arrived> receive(TestGuest guest, int count) {
        List<Arrived> arrived = new ArrayList<>();
        while (arrived.size() < count) {
            guest.receive(0, (address, length) -> {
                byte[] bytes = new byte[guest.headerBytes + length];
                RawMemory.copyToArray(address - guest.headerBytes, bytes, 0, bytes.length);
                arrived.add(new Arrived(hex(bytes, 0, VirtioNetHeader.LEGACY_LENGTH),
                    hex(bytes, guest.headerBytes, bytes.length)));
            });
            checkTime(arrived.size() + " of " + count + " frames arrived");
        }
        return arrived;
    }

    /** For loops that wait: fails when the test's time is over. */
    static void checkTime(String state) {
        Thread.onSpinWait();
        if (Thread.interrupted()) {
            throw new AssertionError(state);
        }
    }

    /** Without what the kernel sends of its own accord, from other MAC addresses. */
    static List<Arrived> ofTheGuest(TestGuest guest, int count) {
        List<Arrived> arrived = new ArrayList<>();
        while (arrived.size() < count) {
            receive(guest, 1).stream().filter(frame -> frame.frame().startsWith("020000000002", 12))
                .forEach(arrived::add);
        }
        return arrived;
    }
}
