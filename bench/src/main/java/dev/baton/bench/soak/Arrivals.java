package dev.baton.bench.soak;

import dev.baton.virtqueue.VirtioNetHeader;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Whose frames may arrive at one port, and those that belong to nobody. For one thread. */
class Arrivals implements AutoCloseable {
    private final List<Stream> expected;
    private final boolean pairwise;
    private final SoakPacket packet = new SoakPacket();
    private long strange;

    /**
     * Streams that may arrive.
     *
     * @param expected by the sender's queue pair
     * @param pairwise whether each arrives by the pair that it was sent by
     */
    Arrivals(List<Stream> expected, boolean pairwise) {
        this.expected = expected;
        this.pairwise = pairwise;
    }

    /**
     * A frame has come.
     *
     * @param pair     by this queue pair
     * @param header   its virtio-net header; 0: the kernel gives none
     * @param features of the driver that it has come to
     */
    void arrived(int pair, long header, long frame, int lengthBytes, long features) {
        boolean tiny = lengthBytes < SoakFrame.MIN_BYTES;
        boolean asked = !tiny && packet.recognise(frame, lengthBytes);
        Stream stream = tiny ? null : find(asked ? packet.stream() : SoakFrame.stream(frame));
        if (stream == null || (pairwise && expected.indexOf(stream) != pair)) {
            strange++;
        } else if (asked) {
            stream.arrived(packet, packet.isIntact(header, frame, lengthBytes, features),
                packet.isChanged(header, features));
        } else if (header == 0 || isPlain(header)) {
            stream.arrived(frame, lengthBytes);
        } else {
            stream.damaged();
        }
    }

    static boolean isPlain(long header) {
        return VirtioNetHeader.flags(header) == 0 && VirtioNetHeader.gsoType(header) == VirtioNetHeader.GSO_NONE;
    }

    private @Nullable Stream find(int id) {
        for (Stream stream : expected) {
            if (stream.id() == id) {
                return stream;
            }
        }
        return null;
    }

    final long strange() {
        return strange;
    }

    @Override
    public void close() {
        packet.close();
    }
}
