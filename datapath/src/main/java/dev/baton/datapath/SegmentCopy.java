package dev.baton.datapath;

import dev.baton.ffi.IovecArray;
import dev.baton.ffi.RawMemory;

/** Copies bytes between scatter-gather lists. Callers have checked that both sides are long enough. */
final class SegmentCopy {
    private SegmentCopy() {
    }

    /** Copies {@code length} bytes from the segments at {@code from} to those at {@code to}. */
    static void copy(IovecArray source, int from, IovecArray target, int to, long length) {
        long left = length;
        int sourceIndex = from;
        int targetIndex = to;
        long sourceAddress = source.base(from);
        long sourceLeft = source.length(from);
        long targetAddress = target.base(to);
        long targetLeft = target.length(to);
        while (true) {
            long chunk = Math.min(left, Math.min(sourceLeft, targetLeft));
            RawMemory.copy(sourceAddress, targetAddress, chunk);
            left -= chunk;
            if (left == 0) {
                return;
            }
            sourceAddress += chunk;
            sourceLeft -= chunk;
            targetAddress += chunk;
            targetLeft -= chunk;
            if (sourceLeft == 0) {
                sourceIndex++;
                sourceAddress = source.base(sourceIndex);
                sourceLeft = source.length(sourceIndex);
            }
            if (targetLeft == 0) {
                targetIndex++;
                targetAddress = target.base(targetIndex);
                targetLeft = target.length(targetIndex);
            }
        }
    }

    /** Copies contiguous memory into segments. */
    static void scatter(long address, IovecArray target, int to, long length) {
        long left = length;
        long source = address;
        for (int i = to; left > 0; i++) {
            long chunk = Math.min(left, target.length(i));
            RawMemory.copy(source, target.base(i), chunk);
            source += chunk;
            left -= chunk;
        }
    }

    /** Copies segments into contiguous memory. */
    static void gather(IovecArray source, int from, long address, long length) {
        long left = length;
        long target = address;
        for (int i = from; left > 0; i++) {
            long chunk = Math.min(left, source.length(i));
            RawMemory.copy(source.base(i), target, chunk);
            target += chunk;
            left -= chunk;
        }
    }

    /** Stores one byte at an offset that may lie behind the first segment. */
    static void putByte(IovecArray target, int to, long offset, byte value) {
        long left = offset;
        int i = to;
        while (left >= target.length(i)) {
            left -= target.length(i);
            i++;
        }
        RawMemory.putByte(target.base(i) + left, value);
    }

    /** Loads one byte from an offset that may lie behind the first segment. */
    static byte getByte(IovecArray source, int from, long offset) {
        long left = offset;
        int i = from;
        while (left >= source.length(i)) {
            left -= source.length(i);
            i++;
        }
        return RawMemory.getByte(source.base(i) + left);
    }
}
