package dev.baton.virtqueue;

import dev.baton.ffi.IovecArray;
import dev.baton.ffi.RawMemory;

/**
 * The descriptor chains of one burst, translated: per chain its head, and in one {@code struct iovec} array
 * the segments of all chains, one after the other, so that {@code readv} and {@code writev} take any run of chains
 * as it lies.
 *
 * <pre>
 *   chain i       head(i)   firstSegment(i)   segmentCount(i)   lengthBytes(i)
 *   segments()    | chain 0: s0 s1 | chain 1: s2 | chain 2: s3 s4 s5 | spare |
 *                 with a spare slot per chain:
 *                 | chain 0: s0 s1 spare | chain 1: s3 spare | ...
 * </pre>
 *
 * <p>Spare slots belong to the caller: behind the last chain there is always one, to append a spill buffer to a
 * {@code readv} over all chains; with {@code sparePerChain} there is one behind every chain, for guests without
 * mergeable buffers. Filled by a fetch; valid until the next fetch into it, or until the virtqueue stops or gets
 * other memory. A caller may therefore keep a burst over several duty cycles and use its chains bit by bit.
 * Made for one thread; allocates only when it is made.
 */
public final class ChainBurst implements AutoCloseable {

    /** Most segments of one chain: what {@code readv} takes at once (IOV_MAX). */
    public static final int MAX_SEGMENTS_PER_CHAIN = 1024;

    final int[] heads;
    private final int[] firstSegments;
    private final int[] segmentCounts;
    final int[] lengths;
    private final IovecArray segments;
    private final long segmentsAddress;
    private final int maxSegments;
    private final int sparePerChain;
    private int count;
    private int plain;
    private int nextSegment;
    private long totalBytes;

    /** A burst with one spare segment, behind the last chain. */
    public ChainBurst(int maxChains, int maxSegments) {
        this(maxChains, maxSegments, false);
    }

    /**
     * A burst of fixed capacity.
     *
     * @param maxChains most chains of a fetch
     * @param maxSegments most segments of all chains together; with less than {@link #MAX_SEGMENTS_PER_CHAIN} a
     *     longer chain is a {@link VirtqueueFault#CHAIN_TOO_LONG}
     * @param sparePerChain whether each chain is followed by a spare segment of the caller
     */
    public ChainBurst(int maxChains, int maxSegments, boolean sparePerChain) {
        if (maxChains < 1 || maxSegments < 1) {
            throw new IllegalArgumentException("a burst of " + maxChains + " chains and " + maxSegments + " segments");
        }
        this.heads = new int[maxChains];
        this.firstSegments = new int[maxChains];
        this.segmentCounts = new int[maxChains];
        this.lengths = new int[maxChains];
        this.sparePerChain = sparePerChain ? 1 : 0;
        this.maxSegments = maxSegments + (sparePerChain ? maxChains - 1 : 0);
        this.segments = new IovecArray(this.maxSegments + 1);
        this.segmentsAddress = segments.address();
    }

    /** Most chains of a fetch. */
    public int maxChains() {
        return heads.length;
    }

    /** Chains fetched. */
    public int count() {
        return count;
    }

    /**
     * What {@link Virtqueue#use} wants to know of chain {@code i}: its head index; of a packed virtqueue the buffer ID
     * in the low 16 bits and the number of descriptors in the upper ones.
     */
    public int head(int i) {
        return heads[i];
    }

    /** Index in {@link #segments} of the first segment of chain {@code i}. */
    public int firstSegment(int i) {
        return firstSegments[i];
    }

    /** Segments of chain {@code i}, at least one. */
    public int segmentCount(int i) {
        return segmentCounts[i];
    }

    /** Bytes of chain {@code i}. */
    public int lengthBytes(int i) {
        return lengths[i];
    }

    /**
     * How many chains from the first on are one segment each: chain {@code i} of them is segment {@code i}. None in a
     * burst with {@code sparePerChain}.
     */
    public int plainChains() {
        return plain;
    }

    /** Bytes of all chains. */
    public long totalBytes() {
        return totalBytes;
    }

    /**
     * One past the last segment of the last chain: the index of a spare one, and with it the number of entries for a
     * {@code readv} over all chains. With {@code sparePerChain} the last chain's spare one counts as taken.
     */
    public int endSegment() {
        return nextSegment;
    }

    /** The segments of all chains. */
    public IovecArray segments() {
        return segments;
    }

    /** Address of the first {@code struct iovec} of chain {@code i}. */
    public long iovec(int i) {
        return segmentsAddress + ((long) firstSegments[i] << 4);
    }

    /** Host address of segment {@code segment}. */
    public long segmentBase(int segment) {
        return RawMemory.getLong(segmentsAddress + ((long) segment << 4));
    }

    /** Length in bytes of segment {@code segment}. */
    public long segmentLength(int segment) {
        return RawMemory.getLong(segmentsAddress + ((long) segment << 4) + 8);
    }

    void clear() {
        count = 0;
        plain = 0;
        nextSegment = 0;
        totalBytes = 0;
    }

    /** One past the last segment index that a chain that begins now may take. */
    int segmentLimit() {
        return Math.min(maxSegments, nextSegment + MAX_SEGMENTS_PER_CHAIN);
    }

    void putSegment(int segment, long base, long length) {
        long entry = segmentsAddress + ((long) segment << 4);
        RawMemory.putLong(entry, base);
        RawMemory.putLong(entry + 8, length);
    }

    boolean hasSegment(int segment) {
        return segment < maxSegments;
    }

    /** Puts chain {@code i}, of one segment; {@link #end} takes it in. Returns the next chain's first segment. */
    int putChain(int i, int segment, long base, int length) {
        putSegment(segment, base, length);
        firstSegments[i] = segment;
        segmentCounts[i] = 1;
        lengths[i] = length;
        return segment + 1 + sparePerChain;
    }

    /** Takes in the chains that were put, {@code newCount} in all. */
    void end(int newCount, int newNextSegment, long newTotalBytes) {
        plain = plain == count && sparePerChain == 0 ? newCount : plain;
        count = newCount;
        nextSegment = newNextSegment;
        totalBytes = newTotalBytes;
    }

    /** Ends the chain whose segments were put from {@link #endSegment} to {@code end}; its head is there already. */
    int commit(int end, long bytes) {
        int i = count;
        firstSegments[i] = nextSegment;
        segmentCounts[i] = end - nextSegment;
        lengths[i] = (int) bytes;
        totalBytes += bytes;
        plain = plain == i && end == i + 1 && sparePerChain == 0 ? i + 1 : plain;
        nextSegment = end + sparePerChain;
        count = i + 1;
        return i + 1;
    }

    /** Frees the segment array. */
    @Override
    public void close() {
        segments.close();
    }
}
