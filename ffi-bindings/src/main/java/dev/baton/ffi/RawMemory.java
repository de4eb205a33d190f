package dev.baton.ffi;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/**
 * Memory by address, unchecked: the caller holds an address that was checked, by guest memory or by a mapping.
 *
 * <p>Plain access is little-endian and needs no alignment. Acquire, release and compare-and-set are little-endian and
 * need natural alignment; they throw {@link IllegalArgumentException} without.
 *
 * <p>An address that is not mapped ends the JVM, as in C. An address that is mapped, but whose file has been cut short
 * since (a guest can do that to its memory), does not: the kernel returns EFAULT from a call that was given it, and
 * the JVM throws {@link InternalError}. It need not do that here: compiled code goes on, with anything for what it
 * read, until it comes to a place where the JVM looks. {@link #checkFault} is such a place.
 *
 * <p>To go on behind the access the JVM has to know the instruction, and it ends at one that it does not know. So two
 * things are not for memory of others: compare-and-set, and an int that is made a long with its sign.
 * {@code CutMemoryTest} tries all else.
 *
 * <p>One constant segment spans all memory, so that the JIT drops its liveness check, and of its bounds check keeps
 * one comparison with the sign of the address.
 */
public final class RawMemory {
    private static final MemorySegment EVERYTHING = Native.everything();

    private static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(LITTLE_ENDIAN);

    private static final ValueLayout.OfShort ALIGNED_SHORT = ValueLayout.JAVA_SHORT.withOrder(LITTLE_ENDIAN);
    private static final VarHandle ORDERED_SHORT = ALIGNED_SHORT.varHandle();
    private static final VarHandle ORDERED_INT = ValueLayout.JAVA_INT.withOrder(LITTLE_ENDIAN).varHandle();
    private static final VarHandle ORDERED_LONG = ValueLayout.JAVA_LONG.withOrder(LITTLE_ENDIAN).varHandle();

    /** A function of the C library that does next to nothing: what matters is the way back from it. */
    private static final MethodHandle ABS = Native.plain("abs", ValueLayout.JAVA_INT, ValueLayout.JAVA_INT);

    private RawMemory() {
    }

    /** Reads a byte. */
    public static byte getByte(long address) {
        return EVERYTHING.get(BYTE, address);
    }

    /** Reads 2 bytes. */
    public static short getShort(long address) {
        return EVERYTHING.get(SHORT, address);
    }

    /** Reads 4 bytes. */
    public static int getInt(long address) {
        return EVERYTHING.get(INT, address);
    }

    /** Reads 8 bytes. */
    public static long getLong(long address) {
        return EVERYTHING.get(LONG, address);
    }

    /** Writes a byte. */
    public static void putByte(long address, byte value) {
        EVERYTHING.set(BYTE, address, value);
    }

    /** Writes 2 bytes. */
    public static void putShort(long address, short value) {
        EVERYTHING.set(SHORT, address, value);
    }

    /** Writes 4 bytes. */
    public static void putInt(long address, int value) {
        EVERYTHING.set(INT, address, value);
    }

    /** Writes 8 bytes. */
    public static void putLong(long address, long value) {
        EVERYTHING.set(LONG, address, value);
    }

    /** Reads 2 aligned bytes; later reads and writes stay after it. */
    public static short getShortAcquire(long address) {
        return (short) ORDERED_SHORT.getAcquire(EVERYTHING, address);
    }

    /** Reads 4 aligned bytes; later reads and writes stay after it. */
    public static int getIntAcquire(long address) {
        return (int) ORDERED_INT.getAcquire(EVERYTHING, address);
    }

    /** Reads 8 aligned bytes; later reads and writes stay after it. */
    public static long getLongAcquire(long address) {
        return (long) ORDERED_LONG.getAcquire(EVERYTHING, address);
    }

    /**
     * Writes 2 aligned bytes; earlier reads and writes stay before it. Not the VarHandle's release: interpreted, that
     * is an instruction at which the JVM ends when the memory is cut.
     */
    public static void putShortRelease(long address, short value) {
        VarHandle.releaseFence();
        EVERYTHING.set(ALIGNED_SHORT, address, value);
    }

    /** Writes 4 aligned bytes; earlier reads and writes stay before it. */
    public static void putIntRelease(long address, int value) {
        ORDERED_INT.setRelease(EVERYTHING, address, value);
    }

    /** Writes 8 aligned bytes; earlier reads and writes stay before it. */
    public static void putLongRelease(long address, long value) {
        ORDERED_LONG.setRelease(EVERYTHING, address, value);
    }

    /** Replaces 4 aligned bytes if they are as expected, with the effects of a volatile write. */
    public static boolean compareAndSetInt(long address, int expected, int value) {
        return ORDERED_INT.compareAndSet(EVERYTHING, address, expected, value);
    }

    /** Replaces 8 aligned bytes if they are as expected, with the effects of a volatile write. */
    public static boolean compareAndSetLong(long address, long expected, long value) {
        return ORDERED_LONG.compareAndSet(EVERYTHING, address, expected, value);
    }

    /** Sets bits atomically, a full fence besides, and returns the word as it was. The address is aligned to 8. */
    public static long orLong(long address, long bits) {
        return (long) ORDERED_LONG.getAndBitwiseOr(EVERYTHING, address, bits);
    }

    /**
     * Hot, some nanoseconds: the InternalError of an access that this thread has made comes here at the latest. A
     * return from C is one of the places where the JVM looks. The end of a method is not, once the JIT has made it part
     * of another, and then a catch around the access can be left before the error comes.
     *
     * @throws InternalError when the memory of an earlier access was cut short
     */
    public static void checkFault() {
        try {
            var _ = (int) ABS.invokeExact(0);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }

    /** No read or write crosses it in either direction. */
    public static void fullFence() {
        VarHandle.fullFence();
    }

    /** Reads before it stay before the reads and writes that follow. */
    public static void acquireFence() {
        VarHandle.acquireFence();
    }

    /** Reads and writes before it stay before the writes that follow. */
    public static void releaseFence() {
        VarHandle.releaseFence();
    }

    /** Writes before it stay before the writes that follow. */
    public static void storeStoreFence() {
        VarHandle.storeStoreFence();
    }

    /** Copies bytes; the ranges may overlap. */
    public static void copy(long source, long destination, long length) {
        MemorySegment.copy(EVERYTHING, source, EVERYTHING, destination, length);
    }

    /** Sets bytes to one value. Not for a hot path: it makes a slice, which the JIT need not do away with. */
    public static void fill(long address, long length, byte value) {
        EVERYTHING.asSlice(address, length).fill(value);
    }

    /** Copies from an array to memory. */
    public static void copyFromArray(byte[] source, int offset, long destination, int length) {
        MemorySegment.copy(source, offset, EVERYTHING, BYTE, destination, length);
    }

    /** Copies from memory to an array. */
    public static void copyToArray(long source, byte[] destination, int offset, int length) {
        MemorySegment.copy(EVERYTHING, BYTE, source, destination, offset, length);
    }

    /**
     * A segment over a piece of memory, for control code; nothing stops its use after the memory has gone.
     *
     * @param address first byte
     * @param length  bytes
     * @return a segment of the global scope
     */
    public static MemorySegment segment(long address, long length) {
        return EVERYTHING.asSlice(address, length);
    }
}
