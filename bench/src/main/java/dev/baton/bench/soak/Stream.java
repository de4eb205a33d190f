package dev.baton.bench.soak;

import dev.baton.tools.traffic.SequenceChecker;

/**
 * Numbered frames one way over one queue pair. One thread sends, one receives; a third looks when both rest.
 *
 * <p>A frame is <i>submitted</i> when its descriptors are published, or when the kernel has taken it, and <i>taken</i>
 * when the ring has it back. What a guest submitted and its ring has not given back when that ring is gone for good is
 * <i>abandoned</i>: that guest ended it itself. Numbers are never given twice.
 */
final class Stream {
    private final int id;
    private final String name;
    private final SequenceChecker checker = new SequenceChecker();
    private long next;
    private long taken;
    private long abandoned;
    private long damaged;

    Stream(int id, String name) {
        this.id = id;
        this.name = name;
    }

    int id() {
        return id;
    }

    /** The number of the next frame; it is submitted. */
    long submit() {
        return next++;
    }

    /** The number that {@link #submit} gives next. */
    long nextNumber() {
        return next;
    }

    void taken(int frames) {
        taken += frames;
    }

    void abandoned(int frames) {
        abandoned += frames;
    }

    /** A frame of this stream has come. */
    void arrived(long frame, int lengthBytes) {
        if (SoakFrame.isIntact(frame, lengthBytes)) {
            checker.accept(SoakFrame.number(frame));
        } else {
            damaged++;
        }
    }

    Tally tally() {
        return new Tally(next, taken, abandoned, checker.unique(), checker.duplicated(), checker.reordered(), damaged);
    }

    @Override
    public String toString() {
        return name;
    }
}
