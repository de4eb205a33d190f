package dev.baton.virtqueue;

/**
 * Where the three parts of a virtqueue lie in this process (virtio 1.2, 2.7; for a packed virtqueue, 2.8, they are
 * the descriptor, driver and device areas).
 *
 * <pre>
 *   descriptor table   16 x size        addr:64 | len:32 | flags:16 | next:16        aligned to 16
 *   available ring      6 +  2 x size   flags:16 | idx:16 | head:16 ... | used_event:16       to 2
 *   used ring           6 +  8 x size   flags:16 | idx:16 | (head:32 | len:32) ... | avail_event:16   to 4
 * </pre>
 *
 * @param size number of descriptors
 * @param descriptorTable host address of the descriptor table
 * @param availableRing host address of the available ring
 * @param usedRing host address of the used ring
 */
public record VirtqueueLayout(int size, long descriptorTable, long availableRing, long usedRing) {

    /** The largest queue that 16-bit indices allow (virtio 1.2, 2.7). */
    public static final int MAX_SIZE = 32768;

    static final int DESCRIPTOR_BYTES = 16;
    static final int INDEX_OFFSET = 2;
    static final int RING_OFFSET = 4;

    /**
     * Checks size and alignment.
     *
     * @throws IllegalArgumentException naming the size that is no power of two in 1..32768, or the part that is
     *     missing or misaligned
     */
    public VirtqueueLayout {
        checkSize(size);
        checkPart("descriptor table", descriptorTable, 16);
        checkPart("available ring", availableRing, 2);
        checkPart("used ring", usedRing, 4);
    }

    /**
     * Checks a queue size alone, before there are addresses.
     *
     * @throws IllegalArgumentException unless it is a power of two in 1..32768
     */
    public static void checkSize(int size) {
        if (size < 1 || size > MAX_SIZE || Integer.bitCount(size) != 1) {
            throw new IllegalArgumentException("queue size " + size + " is no power of two in 1.." + MAX_SIZE);
        }
    }

    private static void checkPart(String name, long address, int alignment) {
        if (address == 0) {
            throw new IllegalArgumentException(name + " has no address");
        }
        if ((address & (alignment - 1)) != 0) {
            throw new IllegalArgumentException(
                name + " at 0x" + Long.toHexString(address) + " is not aligned to " + alignment);
        }
    }

    /**
     * Lays a split virtqueue out in one block: descriptor table, available ring, used ring on a cache line of its
     * own. A driver's choice, not a rule of the specification.
     *
     * @param address start of the block, aligned to 64
     * @see #contiguousBytes(int)
     */
    public static VirtqueueLayout contiguous(int size, long address) {
        long available = address + descriptorTableBytes(size);
        return new VirtqueueLayout(size, address, available, lineUp(available + availableRingBytes(size)));
    }

    /** Bytes that {@link #contiguous} takes, a multiple of 64. */
    public static long contiguousBytes(int size) {
        return lineUp(lineUp(descriptorTableBytes(size) + availableRingBytes(size)) + usedRingBytes(size));
    }

    private static long lineUp(long address) {
        return (address + 63) & -64;
    }

    /** Bytes of the descriptor table. */
    public static long descriptorTableBytes(int size) {
        return (long) DESCRIPTOR_BYTES * size;
    }

    /** Bytes of the available ring, {@code used_event} included. */
    public static long availableRingBytes(int size) {
        return RING_OFFSET + 2L * size + 2;
    }

    /** Bytes of the used ring, {@code avail_event} included. */
    public static long usedRingBytes(int size) {
        return RING_OFFSET + 8L * size + 2;
    }

    /** Host address of {@code used_event}, the driver's half of notification suppression. */
    long usedEvent() {
        return availableRing + RING_OFFSET + 2L * size;
    }

    /** Host address of {@code avail_event}, the device's half of notification suppression. */
    long availEvent() {
        return usedRing + RING_OFFSET + 8L * size;
    }
}
