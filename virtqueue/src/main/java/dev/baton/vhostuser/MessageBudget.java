package dev.baton.vhostuser;

/**
 * How much of its thread's time a front end gets.
 *
 * <p><b>Theory of operation.</b> Fairness first: a turn ends after {@value #MESSAGES_PER_TURN} messages, or with the
 * message in which {@value #TURN_NS} ns have passed, and the thread looks at its other connections before it comes
 * back. So a front end that never stops talking delays the answers to others by a turn. Then a limit, for one that goes
 * on and on: {@value #BURST} messages at once, and {@value #PER_SECOND} a second after that. QEMU says some
 * {@code 20} messages for each virtqueue when a guest's driver starts, and repeats its memory for each queue pair: with
 * 128 pairs and a few hundred regions not half of the burst, once.
 */
final class MessageBudget {
    static final int MESSAGES_PER_TURN = 64;
    static final long TURN_NS = 2_000_000;
    static final int BURST = 1 << 17;
    static final int PER_SECOND = 4096;

    private static final long NS_PER_MESSAGE = 1_000_000_000L / PER_SECOND;

    private long left = BURST;
    private long refilledNs;
    private long turnStartNs;
    private int turnLeft;

    /** A budget that is full at this time of {@link System#nanoTime}. */
    MessageBudget(long nowNs) {
        refilledNs = nowNs;
    }

    /** A turn begins. */
    void begin(long nowNs) {
        turnStartNs = nowNs;
        turnLeft = MESSAGES_PER_TURN;
        long earned = (nowNs - refilledNs) / NS_PER_MESSAGE;
        refilledNs += earned * NS_PER_MESSAGE;
        left = Math.min(BURST, left + earned);
    }

    /** A message was taken; true while the turn goes on. */
    boolean spend(long nowNs) {
        left--;
        turnLeft--;
        return turnLeft > 0 && nowNs - turnStartNs < TURN_NS;
    }

    /** Whether there were more messages than there may be. */
    boolean overspent() {
        return left < 0;
    }
}
