package dev.baton.tap;

import dev.baton.ffi.IovecArray;
import dev.baton.ffi.Mapping;

/**
 * A small pool of off-heap frame buffers for transfers in which neither end brings memory of its own, such as TAP to
 * TAP. All buffers lie in one anonymous mapping, so that the kernel gives memory only to pages that were touched.
 *
 * <pre>
 *   mapping   | buffer 0 | buffer 1 | ...      each {@value #BUFFER_BYTES} bytes, page aligned
 *   segments  | base, length | base, length    entry i: the whole of buffer i, ready for a readv
 * </pre>
 *
 * <p>For one thread. {@link #take} and {@link #give} are a stack, so the buffer given back last, whose lines are still
 * in the cache, is the next one taken.
 */
public final class StagingBuffers implements AutoCloseable {
    /** Room of one buffer: the largest frame a TAP can give, rounded up to pages with one to spare. */
    public static final int BUFFER_BYTES = 17 * 4096;

    private final int capacity;
    private final Mapping mapping;
    private final IovecArray segments;
    private final int[] free;
    private int freeCount;

    /**
     * Maps the buffers.
     *
     * @param capacity how many frames can be held at one time, at least 1
     */
    public StagingBuffers(int capacity) {
        if (capacity < 1) {
            throw new IllegalArgumentException("staging buffers: " + capacity + " is not a positive number");
        }
        this.capacity = capacity;
        mapping = Mapping.anonymous((long) capacity * BUFFER_BYTES);
        segments = new IovecArray(capacity);
        free = new int[capacity];
        for (int i = 0; i < capacity; i++) {
            segments.set(i, address(i), BUFFER_BYTES);
            give(capacity - 1 - i);
        }
    }

    /** How many buffers there are. */
    public int capacity() {
        return capacity;
    }

    /** How many can be taken now. */
    public int available() {
        return freeCount;
    }

    /** Takes a buffer: its number, or -1 when all are taken. */
    public int take() {
        return freeCount == 0 ? -1 : free[--freeCount];
    }

    /** Gives back a buffer that {@link #take} gave. */
    public void give(int buffer) {
        free[freeCount++] = buffer;
    }

    /** Where a buffer starts. */
    public long address(int buffer) {
        return mapping.address() + (long) buffer * BUFFER_BYTES;
    }

    /** One entry per buffer, covering it whole. Not to be changed. */
    public IovecArray segments() {
        return segments;
    }

    /** Unmaps the buffers. Idempotent; nobody may use an address after it. */
    @Override
    public void close() {
        freeCount = 0;
        segments.close();
        mapping.close();
    }
}
