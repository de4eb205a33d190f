package dev.baton.bench.soak;

import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import dev.baton.tools.traffic.InternetChecksum;
import java.util.List;

/** What arrives from a null port: one and the same datagram again and again, see docs/configuration.md. */
final class NullArrivals extends Arrivals {
    private static final int IP = 14;
    private static final int UDP = IP + 20;
    private static final int UDP_PROTOCOL = 17;

    private final Stream stream;
    private final int bytes;
    private final Mapping datagram;

    /**
     * Frames of so many bytes.
     *
     * @param stream counts them
     */
    NullArrivals(Stream stream, int bytes) {
        super(List.of(), false);
        this.stream = stream;
        this.bytes = bytes;
        datagram = Mapping.anonymous(bytes);
        long frame = datagram.address();
        words(frame, 0x0200, 0, 2, 0x0200, 0, 1, 0x0800);
        words(frame + IP, 0x4500, bytes - IP, 0, 0x4000, 64 << 8 | UDP_PROTOCOL, 0, 0xC633, 0x6401, 0xC000, 0x0201);
        words(frame + IP + 10, InternetChecksum.of(0, frame + IP, UDP - IP));
        words(frame + UDP, 9, 9, bytes - UDP);
        int checksum = InternetChecksum.of(UDP_PROTOCOL + (long) (bytes - UDP), frame + IP + 12, bytes - IP - 12);
        words(frame + UDP + 6, checksum == 0 ? 0xffff : checksum);
    }

    private static void words(long place, int... values) {
        for (int i = 0; i < values.length; i++) {
            RawMemory.putShort(place + 2L * i, Short.reverseBytes((short) values[i]));
        }
    }

    @Override
    void arrived(int pair, long header, long frame, int lengthBytes, long features) {
        if (isPlain(header) && lengthBytes == bytes
            && RawMemory.segment(frame, bytes).mismatch(RawMemory.segment(datagram.address(), bytes)) < 0) {
            stream.arrived();
        } else {
            stream.damaged();
        }
    }

    @Override
    public void close() {
        super.close();
        datagram.close();
    }
}
