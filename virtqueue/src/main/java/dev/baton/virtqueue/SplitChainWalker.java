package dev.baton.virtqueue;

import dev.baton.ffi.RawMemory;
import org.jspecify.annotations.Nullable;

/**
 * From a head index to segments: walks one descriptor chain of a split virtqueue (virtio 1.2, 2.7.5).
 *
 * <p>Each descriptor is read once, as two longs, into locals; what the driver changes afterwards is not seen:
 *
 * <pre>
 *   first long                        second long
 *   | addr: 64 |                      | len: 0..31 | flags: 32..47 | next: 48..63 |
 * </pre>
 *
 * <p>Any number of direct descriptors may be followed by one that refers to an indirect table, which ends the
 * chain. A table may hold more descriptors than the queue (Linux does that on small queues), but no walk takes more
 * than 1024 steps in it. The table has to lie in one region; buffers may run on from one region into the next.
 *
 * <p>Memory that the driver has cut short makes the JVM leave a load out and go on, until it throws at the next
 * safepoint: whatever was in the register is then taken for what was read. So a length or an index is masked in a
 * register, and checked after that. With a mask that the compiler knows it would read fewer bytes instead, and mask
 * nothing.
 */
final class SplitChainWalker {

    private static final long NEXT = 1L << 32;
    private static final long WRITE = 2L << 32;
    private static final long INDIRECT = 4L << 32;
    private static final long FLAGS = NEXT | WRITE | INDIRECT;

    private final Translator translator = new Translator();
    private final int size;
    private final boolean indirectAllowed;
    private final int headerBytes;
    private final long lengthMask;
    private final int indexMask;
    private long descriptorTable;
    private @Nullable VirtqueueFault refusal;

    SplitChainWalker(int size, long features) {
        this.size = size;
        this.indirectAllowed = (features & Features.INDIRECT_DESC) != 0;
        this.headerBytes = VirtioNetHeader.length(features);
        this.lengthMask = 0xFFFFFFFFL;
        this.indexMask = 0xFFFF;
    }

    void memory(GuestMemory memory, long newDescriptorTable) {
        translator.memory(memory);
        descriptorTable = newDescriptorTable;
    }

    /** Why the last walk that returned false did so; null when the burst has no room left for the chain. */
    @Nullable VirtqueueFault refusal() {
        return refusal;
    }

    private boolean refuse(VirtqueueFault fault) {
        refusal = fault;
        return false;
    }

    /**
     * Appends chains as long as they are what most chains are: one sound descriptor whose buffer lies in the region of
     * the last hit. Stops before the first that is not, for {@link #walk} to look at it afresh. Worth its lines: all
     * is in registers, and a chain costs a third.
     *
     * @param heads heads of the chains; those from the burst's count on are still to be walked
     * @param limit number of heads
     */
    void walkPlain(ChainBurst into, int[] heads, int limit, long enoughBytes, boolean writable) {
        long wanted = writable ? WRITE : 0;
        long table = descriptorTable;
        long start = translator.start();
        long regionSize = translator.size();
        long delta = translator.delta();
        int i = into.count();
        int segment = into.endSegment();
        long bytes = into.totalBytes();
        while (i < limit && bytes < enoughBytes && heads[i] < size && into.hasSegment(segment)) {
            long descriptor = table + ((long) heads[i] << 4);
            long address = RawMemory.getLong(descriptor);
            long rest = RawMemory.getLong(descriptor + 8);
            long length = rest & lengthMask;
            long offset = address - start;
            if ((rest & FLAGS) != wanted || offset < 0 || offset > regionSize - length
                || length < headerBytes || length > Integer.MAX_VALUE) {
                break;
            }
            segment = into.putChain(i, segment, address + delta, (int) length);
            bytes += length;
            i++;
        }
        into.end(i, segment, bytes);
    }

    /** Appends the chain to the burst; false when it was refused. */
    boolean walk(ChainBurst into, int head, boolean writable) {
        if (head >= size) {
            return refuse(VirtqueueFault.HEAD_OUT_OF_RANGE);
        }
        long wanted = writable ? WRITE : 0;
        int limit = into.segmentLimit();
        int segment = into.endSegment();
        long table = descriptorTable;
        boolean nested = false;
        int entries = size;
        int steps = Math.min(size, ChainBurst.MAX_SEGMENTS_PER_CHAIN);
        long descriptor = table + ((long) head << 4);
        long bytes = 0;
        while (true) {
            long address = RawMemory.getLong(descriptor);
            long rest = RawMemory.getLong(descriptor + 8);
            if ((rest & INDIRECT) != 0) {
                table = nested ? nestedTable() : indirectTable(address, rest);
                if (table == 0) {
                    return false;
                }
                nested = true;
                entries = (int) ((rest & lengthMask) >>> 4);
                steps = Math.min(entries, ChainBurst.MAX_SEGMENTS_PER_CHAIN);
                descriptor = table;
                continue;
            }
            if ((rest & WRITE) != wanted) {
                return refuse(VirtqueueFault.WRONG_DIRECTION);
            }
            long length = rest & lengthMask;
            segment = translator.append(into, segment, limit, address, length);
            if (segment < 0) {
                return refused(into, segment);
            }
            bytes += length;
            if ((rest & NEXT) == 0) {
                break;
            }
            int next = (int) (rest >>> 48) & indexMask;
            if (next >= entries) {
                return refuse(VirtqueueFault.NEXT_OUT_OF_RANGE);
            }
            if (--steps == 0) {
                return refuse(VirtqueueFault.CHAIN_TOO_LONG);
            }
            descriptor = table + ((long) next << 4);
        }
        return commit(into, segment, bytes, writable);
    }

    private boolean commit(ChainBurst into, int segment, long bytes, boolean writable) {
        if (bytes < headerBytes) {
            return refuse(writable ? VirtqueueFault.BUFFER_SHORTER_THAN_HEADER
                : VirtqueueFault.FRAME_SHORTER_THAN_HEADER);
        }
        if (bytes > Integer.MAX_VALUE) {
            return refuse(VirtqueueFault.CHAIN_TOO_LONG);
        }
        into.commit(segment, bytes);
        return true;
    }

    /** Marks the first {@code bytes} of the chain, which the device has written. */
    void mark(DirtyLog log, int head, long bytes) {
        long table = descriptorTable;
        int entries = size;
        int at = head;
        long left = bytes;
        for (int steps = 0; left > 0 && at < entries && steps < ChainBurst.MAX_SEGMENTS_PER_CHAIN; steps++) {
            long descriptor = table + ((long) at << 4);
            long address = RawMemory.getLong(descriptor);
            long rest = RawMemory.getLong(descriptor + 8);
            long length = rest & lengthMask;
            if ((rest & INDIRECT) != 0) {
                table = translator.translate(address, length);
                entries = table == 0 ? 0 : (int) (length >>> 4);
                at = 0;
                continue;
            }
            log.mark(address, Math.min(left, length));
            left -= length;
            at = (rest & NEXT) != 0 ? (int) (rest >>> 48) & indexMask : entries;
        }
    }

    /** Host address of the table, or 0 when it was refused. */
    private long indirectTable(long address, long rest) {
        long length = rest & lengthMask;
        if (!indirectAllowed) {
            refusal = VirtqueueFault.INDIRECT_NOT_NEGOTIATED;
            return 0;
        }
        if ((rest & NEXT) != 0 || length == 0 || (length & 15) != 0) {
            refusal = VirtqueueFault.INDIRECT_MISSHAPEN;
            return 0;
        }
        refusal = VirtqueueFault.ADDRESS_OUTSIDE_MEMORY;
        return translator.translate(address, length);
    }

    private long nestedTable() {
        refusal = VirtqueueFault.NESTED_INDIRECT;
        return 0;
    }

    private boolean refused(ChainBurst into, int result) {
        if (result == Translator.OUTSIDE) {
            return refuse(VirtqueueFault.ADDRESS_OUTSIDE_MEMORY);
        }
        boolean roomForAny = into.segmentLimit() - into.endSegment() == ChainBurst.MAX_SEGMENTS_PER_CHAIN;
        refusal = into.count() == 0 || roomForAny ? VirtqueueFault.CHAIN_TOO_LONG : null;
        return false;
    }
}
