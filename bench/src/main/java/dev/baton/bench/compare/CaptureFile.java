package dev.baton.bench.compare;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** A capture file of Ethernet frames, as libpcap reads it (pcap-savefile(5)). */
final class CaptureFile {
    private static final int FILE_HEADER = 24;
    private static final int FRAME_HEADER = 16;
    private static final int MICROSECONDS = 0xA1B2_C3D4;
    private static final int SNAPLEN = 65_535;
    private static final int ETHERNET = 1;

    private CaptureFile() {
    }

    /** One frame so many times. */
    static byte[] of(byte[] frame, int count) {
        ByteBuffer file = ByteBuffer.allocate(FILE_HEADER + count * (FRAME_HEADER + frame.length))
            .order(ByteOrder.LITTLE_ENDIAN);
        file.putInt(MICROSECONDS).putShort((short) 2).putShort((short) 4).putLong(0).putInt(SNAPLEN).putInt(ETHERNET);
        for (int i = 0; i < count; i++) {
            file.putLong(0).putInt(frame.length).putInt(frame.length).put(frame);
        }
        return file.array();
    }
}
