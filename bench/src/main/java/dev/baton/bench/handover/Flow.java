package dev.baton.bench.handover;

import dev.baton.datapath.FrameHandler;
import dev.baton.ffi.RawMemory;
import dev.baton.tools.traffic.FramePort;
import dev.baton.tools.traffic.SequenceChecker;

/**
 * Numbered frames in one direction of one queue pair.
 *
 * <pre>
 *    0          12         14       18         26
 *    | addresses | 0x88b5  | flow   | number   | zeros ...
 * </pre>
 */
final class Flow implements FrameHandler {
    static final int MIN_BYTES = 60;

    private static final int TYPE = 12;
    private static final int FLOW = 14;
    private static final int NUMBER = 18;
    /** For local experiments. */
    static final int ETHERTYPE = 0x88b5;

    private final int id;
    private final int frameBytes;
    private final SequenceChecker checker = new SequenceChecker();
    private long next;
    private long strange;
    private long lastArrivalNs;
    private long arrivalGapNs;

    Flow(int id, int frameBytes) {
        this.id = id;
        this.frameBytes = frameBytes;
    }

    /** Puts the next frame into the port; false when its ring is full. */
    boolean send(FramePort port) {
        long place = port.reserve();
        if (place == 0) {
            return false;
        }
        RawMemory.fill(place, frameBytes, (byte) 0);
        RawMemory.putByte(place, (byte) 2);
        RawMemory.putByte(place + 6, (byte) 2);
        RawMemory.putShort(place + TYPE, Short.reverseBytes((short) ETHERTYPE));
        RawMemory.putInt(place + FLOW, id);
        RawMemory.putLong(place + NUMBER, next);
        if (port.commit(frameBytes, false)) {
            next++;
            return true;
        }
        return false;
    }

    @Override
    public void frame(long address, int lengthBytes) {
        if (lengthBytes != frameBytes || RawMemory.getInt(address + FLOW) != id) {
            strange++;
            return;
        }
        checker.accept(RawMemory.getLong(address + NUMBER));
        long nowNs = System.nanoTime();
        if (lastArrivalNs != 0) {
            arrivalGapNs = Math.max(arrivalGapNs, nowNs - lastArrivalNs);
        }
        lastArrivalNs = nowNs;
    }

    /** The longest time between two frames since the last call, nanoseconds. */
    long takeArrivalGapNs() {
        long longest = arrivalGapNs;
        arrivalGapNs = 0;
        return longest;
    }

    FrameCount count() {
        return new FrameCount(next, checker.unique(), checker.duplicated(), checker.reordered(), strange);
    }
}
