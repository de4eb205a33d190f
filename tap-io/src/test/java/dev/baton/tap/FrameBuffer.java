package dev.baton.tap;

import dev.baton.ffi.Errno;
import dev.baton.ffi.IovecArray;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import java.util.Arrays;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** One frame off-heap, cut into segments with gaps between them, as guest memory would have it. */
final class FrameBuffer implements AutoCloseable {
    private static final int GAP_BYTES = 3;
    private static final byte CANARY = (byte) 0xa5;

    final IovecArray segments;
    final int capacityBytes;
    private final int[] lengths;
    private final Mapping memory;

    FrameBuffer(int... segmentLengths) {
        lengths = segmentLengths.clone();
        segments = new IovecArray(lengths.length);
        int total = 0;
        for (int length : lengths) {
            total += length;
        }
        capacityBytes = total;
        memory = Mapping.anonymous(total + (long) GAP_BYTES * (lengths.length + 1));
        RawMemory.fill(memory.address(), memory.length(), CANARY);
        reset();
    }

    /** As many segments of one length as hold a frame of {@code bytes}, and one more. */
    static FrameBuffer ofSegments(int length, int bytes) {
        int[] lengths = new int[bytes / length + 1];
        Arrays.fill(lengths, length);
        return new FrameBuffer(lengths);
    }

    private void reset() {
        long address = memory.address() + GAP_BYTES;
        for (int i = 0; i < lengths.length; i++) {
            segments.set(i, address, lengths[i]);
            address += lengths[i] + GAP_BYTES;
        }
    }

    int count() {
        return lengths.length;
    }

    long read(TapQueue queue) {
        reset();
        return queue.readv(segments.address(), lengths.length);
    }

    /** Writes the first {@code bytes} of what is here, over as many segments as that takes. */
    long write(TapQueue queue, long bytes) {
        reset();
        long left = bytes;
        int count = 0;
        while (left > 0) {
            long part = Math.min(left, lengths[count]);
            segments.set(count, segments.base(count), part);
            left -= part;
            count++;
        }
        return queue.writev(segments.address(), count);
    }

    /** Writes a whole frame. */
    long write(TapQueue queue, byte[] frame) {
        put(frame);
        return write(queue, frame.length);
    }

    private void put(byte[] frame) {
        reset();
        int offset = 0;
        for (int i = 0; offset < frame.length; i++) {
            int part = Math.min(lengths[i], frame.length - offset);
            RawMemory.copyFromArray(frame, offset, segments.base(i), part);
            offset += part;
        }
    }

    byte[] bytes(long count) {
        reset();
        byte[] bytes = new byte[(int) count];
        int offset = 0;
        for (int i = 0; offset < bytes.length; i++) {
            int part = Math.min(lengths[i], bytes.length - offset);
            RawMemory.copyToArray(segments.base(i), bytes, offset, part);
            offset += part;
        }
        return bytes;
    }

    /** Whether nobody wrote between the segments. */
    boolean gapsAreUntouched() {
        reset();
        for (int i = 0; i < lengths.length; i++) {
            for (int gap = 1; gap <= GAP_BYTES; gap++) {
                if (RawMemory.getByte(segments.base(i) - gap) != CANARY) {
                    return false;
                }
            }
        }
        return true;
    }

    /** Reads until a frame matches; frames of no interest are passed over. */
    byte[] await(TapQueue queue, Predicate<byte[]> wanted) throws InterruptedException {
        byte[] frame = find(queue, wanted, 5_000);
        if (frame == null) {
            throw new AssertionError("no frame came");
        }
        return frame;
    }

    /** As {@link #await}, but null when none came in {@code millis}. */
    byte @Nullable [] find(TapQueue queue, Predicate<byte[]> wanted, long millis) throws InterruptedException {
        long end = System.nanoTime() + millis * 1_000_000;
        do {
            long result = read(queue);
            if (result >= 0) {
                byte[] frame = bytes(result);
                if (wanted.test(frame)) {
                    return frame;
                }
            } else if (result == -Errno.EAGAIN) {
                Thread.sleep(1);
            } else {
                throw new AssertionError("read: " + Errno.name((int) -result));
            }
        } while (System.nanoTime() < end);
        return null;
    }

    @Override
    public void close() {
        segments.close();
        memory.close();
    }
}
