package dev.baton.datapath;

import dev.baton.ffi.RawMemory;
import java.util.Arrays;

/**
 * Frames that carry a sequence number and a pattern made from it, and the checker that counts what became of them.
 * One sender, one receiver.
 */
final class SequencedFrames implements FrameHandler {
    static final int MIN_LENGTH = 14 + Long.BYTES;

    private final byte[] buffer = new byte[MemoryDriver.MAX_FRAME_BYTES];
    private final byte[] received = new byte[MemoryDriver.MAX_FRAME_BYTES];
    private long next;
    private long expected;
    private long outOfOrder;
    private long damaged;

    /** Sends the next frame; false when there was no room. */
    boolean send(MemoryDriver driver, int length) {
        fill(next, length);
        if (!driver.send(buffer, 0, length)) {
            return false;
        }
        next++;
        return true;
    }

    /** Sends the next frame through a guest's transmitq; false when there was no room. */
    boolean send(TestGuest guest, int pair, int length) {
        fill(next, length);
        if (!guest.send(pair, Arrays.copyOf(buffer, length))) {
            return false;
        }
        next++;
        return true;
    }

    private void fill(long sequence, int length) {
        for (int i = 0; i < 12; i++) {
            buffer[i] = (byte) (i < 6 ? 0x02 : 0x06);
        }
        buffer[12] = (byte) 0x88;
        buffer[13] = (byte) 0xb5;
        for (int i = 0; i < Long.BYTES; i++) {
            buffer[14 + i] = (byte) (sequence >>> (8 * i));
        }
        for (int i = MIN_LENGTH; i < length; i++) {
            buffer[i] = (byte) (sequence + i);
        }
    }

    @Override
    public void frame(long address, int lengthBytes) {
        long sequence = RawMemory.getLong(address + 14);
        if (sequence != expected) {
            outOfOrder++;
        }
        expected = sequence + 1;
        RawMemory.copyToArray(address, received, 0, lengthBytes);
        for (int i = MIN_LENGTH; i < lengthBytes; i++) {
            if (received[i] != (byte) (sequence + i)) {
                damaged++;
                return;
            }
        }
    }

    long sent() {
        return next;
    }

    long received() {
        return expected;
    }

    /** Frames lost, repeated or out of order, or with another content than was sent. */
    long wrong() {
        return outOfOrder + damaged;
    }
}
