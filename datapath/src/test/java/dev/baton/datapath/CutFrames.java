package dev.baton.datapath;

import dev.baton.ffi.RawMemory;
import dev.baton.offload.SoftwareOffload;
import dev.baton.tap.TapDevice;
import dev.baton.virtqueue.VirtioNetHeader;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/**
 * What a receiver's stack makes of frames: cut and summed up, as {@link SoftwareOffloadTest} shows that the kernel does
 * it, in hex digits. What nobody may look at is left out ({@link Flows#atomic}).
 */
final class CutFrames implements AutoCloseable {
    private static final HexFormat HEX = HexFormat.of();

    private final SoftwareOffload offload = new SoftwareOffload(TapDevice.MAX_FRAME_BYTES);
    private final List<String> frames = new ArrayList<>();

    /** Of these frames, one by one. */
    static List<String> of(List<FlowPacket> packets) {
        try (CutFrames cut = new CutFrames()) {
            packets.forEach(packet -> cut.add(packet.header(), packet.frame()));
            return cut.frames();
        }
    }

    /**
     * Adds what one frame stands for.
     *
     * @return how many frames; 0: none, for its headers do not fit each other
     */
    int add(byte[] header, byte[] frame) {
        if (header[VirtioNetHeader.FLAGS_OFFSET] == 0 && header[VirtioNetHeader.GSO_TYPE_OFFSET] == 0) {
            frames.add(HEX.formatHex(Flows.atomic(frame)));
            return 1;
        }
        RawMemory.copyFromArray(header, 0, offload.address(), header.length);
        RawMemory.copyFromArray(frame, 0, offload.address() + VirtioNetHeader.LENGTH, frame.length);
        int count = offload.begin(VirtioNetHeader.LENGTH + frame.length, false);
        for (int i = 0; i < count; i++) {
            byte[] part = new byte[offload.next()];
            int first = (int) offload.list().length(0);
            RawMemory.copyToArray(offload.list().base(0), part, 0, first);
            RawMemory.copyToArray(offload.list().base(1), part, first, part.length - first);
            byte[] bytes = new byte[part.length - VirtioNetHeader.LENGTH];
            System.arraycopy(part, VirtioNetHeader.LENGTH, bytes, 0, bytes.length);
            frames.add(HEX.formatHex(Flows.atomic(bytes)));
        }
        return count;
    }

    /** All of them so far. */
    List<String> frames() {
        return frames;
    }

    @Override
    public void close() {
        offload.close();
    }
}
