package dev.baton.bench.soak;

import dev.baton.tools.traffic.SequenceChecker;

/**
 * Numbered frames one way over one queue pair. One thread sends, one receives; a third looks when both rest.
 *
 * <p>A frame is <i>submitted</i> when its descriptors are published, or when the kernel has taken it, and <i>taken</i>
 * when the ring has it back. What a guest submitted and its ring has not given back when that ring is gone for good is
 * <i>abandoned</i>: that guest ended it itself. Numbers are never given twice; a frame that may be cut has one for each
 * of the pieces that it may be cut into.
 */
final class Stream {
    private final int id;
    private final String name;
    private final SequenceChecker checker = new SequenceChecker();
    private long next;
    private long submitted;
    private long taken;
    private long abandoned;
    private long received;
    private long repeated;
    private long damaged;
    private long changed;
    /** Frames of which pieces came: how many these have, how many came, and came in the place of a frame. */
    private long piecesOfFrames;
    private long piecesReceived;
    private long framesInPieces;
    /** Frames that came as one with others, and what they came as. */
    private long joined;
    private long runs;

    Stream(int id, String name) {
        this.id = id;
        this.name = name;
    }

    int id() {
        return id;
    }

    /** The number of the next frame; it is submitted. */
    long submit() {
        return submit(1);
    }

    /** The first of so many numbers that the next frame has; it is submitted. */
    long submit(int numbers) {
        submitted++;
        next += numbers;
        return next - numbers;
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
        if (!SoakFrame.isIntact(frame, lengthBytes)) {
            damaged++;
        } else if (checker.accept(SoakFrame.number(frame))) {
            received++;
        } else {
            repeated++;
        }
    }

    /** One that asked for offloads has come, or a piece of it. */
    void arrived(SoakPacket packet, boolean intact, boolean isChanged) {
        if (!intact) {
            damaged++;
            return;
        }
        changed += isChanged ? 1 : 0;
        if (packet.isTrain()) {
            arrivedInTrain(packet);
            return;
        }
        boolean isNew = checker.accept(packet.number(0));
        for (int i = 1; i < packet.count(); i++) {
            checker.accept(packet.number(i));
        }
        if (!isNew) {
            repeated++;
        } else if (packet.isPiece()) {
            piecesReceived++;
            if (packet.isBeginning()) {
                received++;
                framesInPieces++;
                piecesOfFrames += packet.parts();
            }
        } else {
            received++;
        }
    }

    private void arrivedInTrain(SoakPacket packet) {
        for (int i = 0; i < packet.count(); i++) {
            if (checker.accept(packet.number(i))) {
                received++;
            } else {
                repeated++;
            }
        }
        if (packet.count() > 1) {
            joined += packet.count();
            runs++;
        }
    }

    /** One that has no number has come. */
    void arrived() {
        received++;
    }

    /** One has come that is not what was sent. */
    void damaged() {
        damaged++;
    }

    Tally tally() {
        return new Tally(submitted, taken, abandoned, received, repeated, checker.reordered(), damaged,
            piecesReceived - framesInPieces, piecesOfFrames - piecesReceived, changed, joined, runs);
    }

    @Override
    public String toString() {
        return name;
    }
}
