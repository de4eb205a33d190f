package dev.baton.datapath;

import dev.baton.ffi.RawMemory;
import dev.baton.virtqueue.VirtioNetHeader;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/** Compares each frame that arrives from a null port with a datagram made by hand. */
final class SentFrames implements FrameHandler {
    private static final HexFormat HEX = HexFormat.of();
    private static final int IP = 14;
    private static final int UDP = 34;
    private static final int MOST_TOLD = 3;

    private final byte[] expected;
    private final byte[] frame;
    private final List<String> wrong = new ArrayList<>();
    private final int headerBytes;
    private long received;

    SentFrames(int frameBytes) {
        this(frameBytes, VirtioNetHeader.LENGTH);
    }

    /** Frames whose virtio-net headers have so many bytes. */
    SentFrames(int frameBytes, int headerBytes) {
        this.headerBytes = headerBytes;
        expected = datagram(frameBytes);
        frame = new byte[frameBytes];
    }

    private static byte[] datagram(int bytes) {
        ByteBuffer made = ByteBuffer.allocate(bytes);
        made.put(HEX.parseHex("0200000000020200000000010800"));
        made.putShort((short) 0x4500).putShort((short) (bytes - IP));
        made.put(HEX.parseHex("0000400040110000c6336401c000020100090009")).putShort((short) (bytes - UDP));
        made.putShort(IP + 10, (short) ~sum(made, IP, 20, 0));
        int udp = ~sum(made, IP + 12, bytes - IP - 12, 17 + bytes - UDP) & 0xFFFF;
        return made.putShort(UDP + 6, (short) (udp == 0 ? 0xFFFF : udp)).array();
    }

    private static int sum(ByteBuffer bytes, int offset, int length, int start) {
        int sum = start;
        for (int i = 0; i < length; i++) {
            sum += (bytes.get(offset + i) & 0xFF) << (i % 2 == 0 ? 8 : 0);
        }
        while (sum >>> 16 != 0) {
            sum = (sum & 0xFFFF) + (sum >>> 16);
        }
        return sum;
    }

    @Override
    public void frame(long address, int lengthBytes) {
        received++;
        long header = address - headerBytes;
        boolean plain = RawMemory.getLong(header) == 0;
        if (lengthBytes == frame.length) {
            RawMemory.copyToArray(address, frame, 0, lengthBytes);
        }
        if ((!plain || lengthBytes != frame.length || !Arrays.equals(frame, expected)) && wrong.size() < MOST_TOLD) {
            wrong.add(lengthBytes + " bytes: " + HEX.formatHex(frame));
        }
    }

    long received() {
        return received;
    }

    /** The first frames that were not as they should be. */
    List<String> wrong() {
        return wrong;
    }
}
