package dev.baton.datapath;

import dev.baton.ffi.RawMemory;

/**
 * A flyweight over a lane's place in the baton: who owns it, and when it changed its owner last. Times are
 * CLOCK_MONOTONIC nanoseconds ({@link System#nanoTime}), the same in all processes of a machine.
 *
 * <pre>
 *     0  epoch         8   the owner word: the present owner is the one that knows this number
 *    64  claimBeatNs   8   when a claimant looked at the owner word last; 0: nobody claims the lane
 *   128  releasedNs    8   when the last owner had finished its last burst
 *   136  resumedNs     8   when the present owner began its first burst
 *   144  firstFrameNs  8   when its first burst that moved a frame was over; 0: not yet
 *   152  reserved    104   0
 * </pre>
 *
 * <p>The epoch changes in three ways alone: its owner adds one, with release, when it lets go at a burst boundary; a
 * standby adds one after it has seen the owner's process end; its owner adds two when a handover has failed, so that
 * the claim that somebody may still make for the sake of it comes to nothing. Owner and claimant each write lines that
 * the other only reads, so that nothing but the handover itself moves a line between their cores.
 */
final class LaneRecord {
    static final int BYTES = 256;

    private static final int EPOCH_OFFSET = 0;
    private static final int CLAIM_BEAT_OFFSET = 64;
    private static final int RELEASED_OFFSET = 128;
    private static final int RESUMED_OFFSET = 136;
    private static final int FIRST_FRAME_OFFSET = 144;

    private final long address;

    LaneRecord(long address) {
        this.address = address;
    }

    long epoch() {
        return RawMemory.getLongAcquire(address + EPOCH_OFFSET);
    }

    /** Hands the lane to whoever claims the epoch after this one. Everything written before is seen by it. */
    void release(long epoch, long nowNs) {
        RawMemory.putLong(address + RELEASED_OFFSET, nowNs);
        RawMemory.putLong(address + FIRST_FRAME_OFFSET, 0);
        RawMemory.putLongRelease(address + EPOCH_OFFSET, epoch + 1);
    }

    /** The owner keeps the lane; nobody who waits for the epoch after this one will ever see it. */
    void renew(long epoch) {
        RawMemory.putLongRelease(address + EPOCH_OFFSET, epoch + 2);
    }

    long claimBeatNs() {
        return RawMemory.getLongAcquire(address + CLAIM_BEAT_OFFSET);
    }

    void claimBeat(long nowNs) {
        RawMemory.putLongRelease(address + CLAIM_BEAT_OFFSET, nowNs);
    }

    void resumed(long nowNs) {
        RawMemory.putLong(address + CLAIM_BEAT_OFFSET, 0);
        RawMemory.putLongRelease(address + RESUMED_OFFSET, nowNs);
    }

    void firstFrame(long nowNs) {
        RawMemory.putLongRelease(address + FIRST_FRAME_OFFSET, nowNs);
    }

    /** The times of the last change of owner. */
    Blackout blackout() {
        return new Blackout(RawMemory.getLongAcquire(address + RELEASED_OFFSET),
            RawMemory.getLongAcquire(address + RESUMED_OFFSET), RawMemory.getLongAcquire(address + FIRST_FRAME_OFFSET));
    }
}
