package dev.baton.datapath;

import dev.baton.ffi.RawMemory;
import dev.baton.tap.TapDevice;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * Frames that carry a sequence number and a pattern made from it, and the checker that counts what became of them.
 * One sender, one receiver.
 */
final class SequencedFrames implements FrameHandler {
    static final int MIN_LENGTH = 14 + Long.BYTES;

    private static final int TARGET = 0x02;
    private static final int SOURCE = 0x06;
    private static final short TYPE = (short) 0x88b5;

    /** Before the sequence number: addresses, tags, type. */
    private final byte[] header;
    private final int minLength;
    private final byte[] buffer = new byte[TapDevice.MAX_FRAME_BYTES];
    private final byte[] received = new byte[TapDevice.MAX_FRAME_BYTES];
    private long next;
    private long expected;
    private long outOfOrder;
    private long damaged;

    SequencedFrames() {
        this(new int[0]);
    }

    /**
     * Frames with VLAN tags, outermost first.
     *
     * @param tags of each the type, such as 0x8100, in the upper 16 bits, and the rest in the lower
     */
    SequencedFrames(int[] tags) {
        ByteBuffer bytes = ByteBuffer.allocate(14 + Integer.BYTES * tags.length);
        for (int i = 0; i < 12; i++) {
            bytes.put((byte) (i < 6 ? TARGET : SOURCE));
        }
        for (int tag : tags) {
            bytes.putInt(tag);
        }
        header = bytes.putShort(TYPE).array();
        minLength = header.length + Long.BYTES;
    }

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
        System.arraycopy(header, 0, buffer, 0, header.length);
        for (int i = 0; i < Long.BYTES; i++) {
            buffer[header.length + i] = (byte) (sequence >>> (8 * i));
        }
        for (int i = minLength; i < length; i++) {
            buffer[i] = (byte) (sequence + i);
        }
    }

    @Override
    public void frame(long address, int lengthBytes) {
        long sequence = RawMemory.getLong(address + header.length);
        if (sequence != expected) {
            outOfOrder++;
        }
        expected = sequence + 1;
        RawMemory.copyToArray(address, received, 0, lengthBytes);
        if (!Arrays.equals(received, 0, header.length, header, 0, header.length)) {
            damaged++;
            return;
        }
        for (int i = minLength; i < lengthBytes; i++) {
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
