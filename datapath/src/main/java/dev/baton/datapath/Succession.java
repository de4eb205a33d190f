package dev.baton.datapath;

import dev.baton.ffi.RawMemory;

/**
 * Who may take the lanes of an owner, if that dies: one process at a time, told by one word of the baton. An incoming
 * owner holds the word while it claims, a standby takes it before it seizes; so a standby never seizes lanes that an
 * incoming owner has taken already or is about to take.
 *
 * <pre>
 *   63        32 31         0
 *   |   turn    |    pid    |     pid 0: nobody claims
 *
 *                 begin               complete
 *   (turn, 0) -----------> (turn, pid) -----------> (turn + 1, 0)
 *        ^                      |
 *        '----------------------'
 *          cancel, evict: the claim has failed, or its process has ended
 * </pre>
 */
final class Succession {
    private static final long PID_MASK = 0xFFFF_FFFFL;

    private final long address;
    private final long turn;
    private final long own;

    /** The next turn, as things stand; the owner lives, and has been heard of. */
    Succession(long address) {
        this(address, RawMemory.getLongAcquire(address) & ~PID_MASK);
    }

    private Succession(long address, long turn) {
        this.address = address;
        this.turn = turn;
        this.own = turn | (ProcessHandle.current().pid() & PID_MASK);
    }

    /** The turn of an earlier one, at this place: what an owner says can be heard when it is the owner no more. */
    Succession inTurnOf(Succession earlier) {
        return new Succession(address, earlier.turn);
    }

    /** False when another process claims, or somebody has taken this turn. */
    boolean begin() {
        return RawMemory.compareAndSetLong(address, turn, own);
    }

    /** Takes nothing after all. */
    void cancel() {
        RawMemory.compareAndSetLong(address, own, turn);
    }

    /** All lanes are taken: this process is the owner. */
    void complete() {
        RawMemory.compareAndSetLong(address, own, turn + PID_MASK + 1);
    }

    /** The owner ends the lanes itself: nobody takes them. */
    void end() {
        if (begin()) {
            complete();
        }
    }

    /** Whether a process has become the owner in this turn. */
    boolean isOver() {
        return (RawMemory.getLongAcquire(address) & ~PID_MASK) != turn;
    }

    /** The process that claims, 0: none. */
    int claimant() {
        return (int) RawMemory.getLongAcquire(address);
    }

    /** Ends the claim of a process that has ended, or that the owner has nothing more to do with. */
    void evict(int pid) {
        RawMemory.compareAndSetLong(address, turn | (pid & PID_MASK), turn);
    }
}
