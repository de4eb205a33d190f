package dev.baton.virtqueue;

import dev.baton.ffi.RawMemory;
import org.jspecify.annotations.Nullable;

/**
 * Walks the descriptor chains of a packed virtqueue, from one position on (virtio 1.2, 2.8).
 *
 * <p>A chain lies in neighbouring descriptors; the last one has its buffer ID. Each descriptor is read once, as two
 * longs, into locals; the second one first, with acquire, because its flags tell whether the rest is there:
 *
 * <pre>
 *   first long                        second long
 *   | addr: 64 |                      | len: 0..31 | id: 32..47 | flags: 48..63 |
 *
 *   flags   1  NEXT    2  WRITE    4  INDIRECT    0x80  AVAIL    0x8000  USED
 *   available: AVAIL is the wrap counter of this lap, USED is not
 * </pre>
 *
 * <p>A driver writes the flags of a chain's first descriptor last, so only those are looked at to tell whether a chain
 * is available. Lengths and IDs are masked with fields, for the reason told in {@link SplitChainWalker}.
 */
final class PackedChainWalker {
    static final long NEXT = 1L << 48;
    static final long WRITE = 2L << 48;
    static final long INDIRECT = 4L << 48;
    static final long AVAIL = 0x80L << 48;
    static final long USED = 0x8000L << 48;
    static final int ID_SHIFT = 32;
    static final int SPAN_SHIFT = 16;
    static final int NO_HEAD = -1;

    private static final long LAP = AVAIL | USED;
    private static final long KIND = NEXT | WRITE | INDIRECT | LAP;

    private final Translator translator = new Translator();
    private final int size;
    private final boolean indirectAllowed;
    private final int headerBytes;
    private final long lengthMask;
    private final int idMask;
    private long ring;
    private int slot;
    /** What the LAP bits of an available descriptor are at this slot. */
    private long lap;
    private int room;
    private @Nullable VirtqueueFault refusal;

    PackedChainWalker(int size, long features) {
        this.size = size;
        this.indirectAllowed = (features & Features.INDIRECT_DESC) != 0;
        this.headerBytes = VirtioNetHeader.length(features);
        this.lengthMask = 0xFFFFFFFFL;
        this.idMask = 0xFFFF;
    }

    void memory(GuestMemory memory, long newRing) {
        translator.memory(memory);
        ring = newRing;
    }

    /** What the LAP bits of an available descriptor are at this position. */
    static long available(int position) {
        return (position & PackedPosition.WRAP) != 0 ? AVAIL : USED;
    }

    /** What the LAP bits of a used descriptor are at this position. */
    static long used(int position) {
        return (position & PackedPosition.WRAP) != 0 ? LAP : 0;
    }

    /** Whether the second long of a descriptor has these LAP bits. */
    static boolean inLap(long rest, long lap) {
        return (rest & LAP) == lap;
    }

    /** Goes to a position; no more than {@code descriptors} are looked at from there on. */
    void begin(int position, int descriptors) {
        slot = PackedPosition.slot(position);
        lap = available(position);
        room = descriptors;
    }

    /** Where the next chain begins. */
    int position() {
        return lap == AVAIL ? slot | PackedPosition.WRAP : slot;
    }

    /** Whether there is a next chain. */
    boolean hasNext() {
        return room > 0 && inLap(RawMemory.getLongAcquire(restAt(slot)), lap);
    }

    private long restAt(int at) {
        return ring + ((long) at << 4) + 8;
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
     * the last hit. Stops before the first that is not, for {@link #walk} to look at it afresh.
     *
     * @param limit most chains in the burst
     */
    void walkPlain(ChainBurst into, int limit, long enoughBytes, boolean writable) {
        long start = translator.start();
        long regionSize = translator.size();
        long delta = translator.delta();
        long direction = writable ? WRITE : 0;
        long wanted = direction | lap;
        int[] heads = into.heads;
        int at = slot;
        int last = Math.min(limit, into.count() + room);
        int first = into.count();
        int i = first;
        int segment = into.endSegment();
        long bytes = into.totalBytes();
        while (i < last && bytes < enoughBytes && into.hasSegment(segment)) {
            long descriptor = ring + ((long) at << 4);
            long rest = RawMemory.getLongAcquire(descriptor + 8);
            if ((rest & KIND) != wanted) {
                break;
            }
            long address = RawMemory.getLong(descriptor);
            long length = rest & lengthMask;
            long offset = address - start;
            if (offset < 0 || offset > regionSize - length || length < headerBytes || length > Integer.MAX_VALUE) {
                break;
            }
            heads[i] = ((int) (rest >>> ID_SHIFT) & idMask) | 1 << SPAN_SHIFT;
            segment = into.putChain(i, segment, address + delta, (int) length);
            bytes += length;
            i++;
            if (++at == size) {
                at = 0;
                wanted ^= LAP;
            }
        }
        into.end(i, segment, bytes);
        slot = at;
        lap = wanted & LAP;
        room -= i - first;
    }

    /** Appends the next chain, which there is, to the burst; false when it was refused. */
    boolean walk(ChainBurst into, boolean writable) {
        long wanted = writable ? WRITE : 0;
        int limit = into.segmentLimit();
        int segment = into.endSegment();
        int most = Math.min(room, ChainBurst.MAX_SEGMENTS_PER_CHAIN);
        int at = slot;
        int span = 0;
        long bytes = 0;
        long rest;
        do {
            if (span == most) {
                return refuse(VirtqueueFault.CHAIN_TOO_LONG);
            }
            rest = RawMemory.getLongAcquire(restAt(at));
            long address = RawMemory.getLong(ring + ((long) at << 4));
            span++;
            at = at + 1 == size ? 0 : at + 1;
            if ((rest & INDIRECT) != 0) {
                long inTable = span == 1 ? walkTable(into, address, rest, wanted) : misshapen();
                if (inTable < 0) {
                    return false;
                }
                segment = tableEnd;
                bytes = inTable;
                break;
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
        } while ((rest & NEXT) != 0);
        return commit(into, (int) (rest >>> ID_SHIFT) & idMask, span, segment, bytes, writable);
    }

    private boolean commit(ChainBurst into, int id, int span, int segment, long bytes, boolean writable) {
        if (bytes < headerBytes) {
            return refuse(writable ? VirtqueueFault.BUFFER_SHORTER_THAN_HEADER
                : VirtqueueFault.FRAME_SHORTER_THAN_HEADER);
        }
        if (bytes > Integer.MAX_VALUE) {
            return refuse(VirtqueueFault.CHAIN_TOO_LONG);
        }
        into.heads[into.count()] = id | span << SPAN_SHIFT;
        into.commit(segment, bytes);
        skip(span);
        return true;
    }

    private void skip(int span) {
        slot += span;
        room -= span;
        if (slot >= size) {
            slot -= size;
            lap ^= LAP;
        }
    }

    /** One past the last segment of the table that {@link #walkTable} has walked. */
    private int tableEnd;

    /**
     * All descriptors of an indirect table, one after the other: of their flags only WRITE has a meaning (virtio 1.2,
     * 2.8.8).
     *
     * @return bytes of the chain, or -1 when it was refused
     */
    private long walkTable(ChainBurst into, long tableAddress, long tableRest, long wanted) {
        long tableBytes = tableRest & lengthMask;
        if (!indirectAllowed) {
            refusal = VirtqueueFault.INDIRECT_NOT_NEGOTIATED;
            return -1;
        }
        if ((tableRest & NEXT) != 0 || tableBytes == 0 || (tableBytes & 15) != 0) {
            return misshapen();
        }
        long table = translator.translate(tableAddress, tableBytes);
        if (table == 0) {
            refusal = VirtqueueFault.ADDRESS_OUTSIDE_MEMORY;
            return -1;
        }
        if (tableBytes >>> 4 > ChainBurst.MAX_SEGMENTS_PER_CHAIN) {
            refusal = VirtqueueFault.CHAIN_TOO_LONG;
            return -1;
        }
        int entries = (int) (tableBytes >>> 4);
        int limit = into.segmentLimit();
        int segment = into.endSegment();
        long bytes = 0;
        for (int i = 0; i < entries; i++) {
            long descriptor = table + ((long) i << 4);
            long address = RawMemory.getLong(descriptor);
            long rest = RawMemory.getLong(descriptor + 8);
            if ((rest & INDIRECT) != 0) {
                refusal = VirtqueueFault.NESTED_INDIRECT;
                return -1;
            }
            if ((rest & WRITE) != wanted) {
                refusal = VirtqueueFault.WRONG_DIRECTION;
                return -1;
            }
            long length = rest & lengthMask;
            segment = translator.append(into, segment, limit, address, length);
            if (segment < 0) {
                refused(into, segment);
                return -1;
            }
            bytes += length;
        }
        tableEnd = segment;
        return bytes;
    }

    private long misshapen() {
        refusal = VirtqueueFault.INDIRECT_MISSHAPEN;
        return -1;
    }

    private boolean refused(ChainBurst into, int result) {
        if (result == Translator.OUTSIDE) {
            return refuse(VirtqueueFault.ADDRESS_OUTSIDE_MEMORY);
        }
        boolean roomForAny = into.segmentLimit() - into.endSegment() == ChainBurst.MAX_SEGMENTS_PER_CHAIN;
        refusal = into.count() == 0 || roomForAny ? VirtqueueFault.CHAIN_TOO_LONG : null;
        return false;
    }

    /** Marks the first {@code bytes} of the chain that begins in this slot, which the device has written. */
    void mark(DirtyLog log, int first, long bytes) {
        long left = bytes;
        int at = first;
        for (int span = 0; left > 0 && span < size; span++) {
            long rest = RawMemory.getLong(restAt(at));
            long address = RawMemory.getLong(ring + ((long) at << 4));
            long length = rest & lengthMask;
            if ((rest & INDIRECT) != 0) {
                markTable(log, translator.translate(address, length), length >>> 4, left);
                return;
            }
            log.mark(address, Math.min(left, length));
            left -= length;
            if ((rest & NEXT) == 0) {
                return;
            }
            at = at + 1 == size ? 0 : at + 1;
        }
    }

    private void markTable(DirtyLog log, long table, long entries, long bytes) {
        long left = bytes;
        for (int i = 0; table != 0 && left > 0 && i < Math.min(entries, ChainBurst.MAX_SEGMENTS_PER_CHAIN); i++) {
            long length = RawMemory.getLong(table + ((long) i << 4) + 8) & lengthMask;
            log.mark(RawMemory.getLong(table + ((long) i << 4)), Math.min(left, length));
            left -= length;
        }
    }

    /** ID and number of descriptors of the next chain, whatever is wrong with it; {@link #NO_HEAD} without an end. */
    int headOfNext() {
        int at = slot;
        for (int span = 1; span <= room; span++) {
            long rest = RawMemory.getLong(restAt(at));
            if ((rest & NEXT) == 0) {
                return ((int) (rest >>> ID_SHIFT) & idMask) | span << SPAN_SHIFT;
            }
            at = at + 1 == size ? 0 : at + 1;
        }
        return NO_HEAD;
    }
}
