package dev.baton.tools.traffic;

import org.HdrHistogram.Histogram;

/**
 * One end of a flow of test datagrams in both directions. For one thread.
 *
 * <p>Theory of operation. The sender has at most {@code window} frames on the way: every frame of the other direction,
 * and where there is none, an acknowledgement of its own, tells how many have arrived. The window is smaller than any
 * buffer on the way, so there is no place where a frame may be lost: one that does not arrive is a fault, and stops
 * the flow. Frame sizes follow the sequence number in a mix of small, middle and large.
 */
public final class Flow {
    /** The longest payload that a flow sends: 1514 bytes of frame. */
    public static final int MAX_PAYLOAD_BYTES = 1514 - Frames.PAYLOAD;

    private static final int[] FRAME_BYTES = {82, 82, 594, 82, 594, 82, 1514, 82, 594, 82, 594, 82};
    private static final long MAX_LATENCY_NS = 60_000_000_000L;

    private final int number;
    private final int window;
    private final SequenceChecker checker = new SequenceChecker();
    private final Histogram latencyNs = new Histogram(MAX_LATENCY_NS, 3);
    private long nextSequence;
    private long acknowledged;
    private long acknowledgementsSent;
    private long bytes;
    private long corrupted;
    private long heard;

    /**
     * A flow that has sent nothing.
     *
     * @param number its number, the same on both ends
     * @param window frames that may be on the way
     */
    public Flow(int number, int window) {
        this.number = number;
        this.window = window;
    }

    /**
     * Whether the window has room for another frame.
     *
     * @return true when there is
     */
    public boolean maySend() {
        return nextSequence - acknowledged < window;
    }

    /**
     * Writes the next data payload; {@link #sent} makes it final.
     *
     * @param address where it goes, {@link #MAX_PAYLOAD_BYTES} of room
     * @param nowNs   the time
     * @return its length
     */
    public int writeData(long address, long nowNs) {
        int length = FRAME_BYTES[(int) (nextSequence % FRAME_BYTES.length)] - Frames.PAYLOAD;
        Payload.write(address, length, Payload.DATA, number, nextSequence, nowNs, checker.unique());
        return length;
    }

    /** The payload of the last {@link #writeData} is on its way. */
    public void sent() {
        nextSequence++;
        acknowledgementsSent = checker.unique();
    }

    /**
     * Whether the other end should hear what arrived.
     *
     * @param idle true when there is nothing else to do: then it should hear of a single frame
     * @return true when an acknowledgement is due
     */
    public boolean acknowledgementDue(boolean idle) {
        return checker.unique() - acknowledgementsSent >= (idle ? 1 : Math.max(1, window / 4));
    }

    /**
     * Writes an acknowledgement; {@link #acknowledgementSent} makes it final.
     *
     * @param address where it goes
     * @return its length
     */
    public int writeAcknowledgement(long address) {
        Payload.write(address, Payload.HEADER_BYTES, Payload.ACKNOWLEDGEMENT, number, 0, 0, checker.unique());
        return Payload.HEADER_BYTES;
    }

    /** The payload of the last {@link #writeAcknowledgement} is on its way. */
    public void acknowledgementSent() {
        acknowledgementsSent = checker.unique();
    }

    /**
     * Takes a payload that arrived.
     *
     * @param address where it lies
     * @param length  its length
     * @param nowNs   the time
     */
    public void accept(long address, int length, long nowNs) {
        if (!Payload.isIntact(address, length, number)) {
            corrupted++;
            return;
        }
        heard++;
        acknowledged = Math.max(acknowledged, Payload.acknowledged(address));
        if (Payload.kind(address) == Payload.DATA && checker.accept(Payload.sequence(address))) {
            bytes += Frames.PAYLOAD + length;
            latencyNs.recordValue(Math.clamp(nowNs - Payload.sentNs(address), 0, MAX_LATENCY_NS));
        }
    }

    /**
     * Datagrams of the other end that arrived so far, data or not.
     *
     * @return datagrams
     */
    public long heard() {
        return heard;
    }

    /**
     * Data frames sent so far.
     *
     * @return frames
     */
    public long sentFrames() {
        return nextSequence;
    }

    /**
     * Data frames of this end that the other end has told to have.
     *
     * @return frames
     */
    public long acknowledgedFrames() {
        return acknowledged;
    }

    /**
     * What arrived here.
     *
     * @return a copy
     */
    public Arrivals arrivals() {
        return new Arrivals(checker.unique(), bytes, checker.duplicated(), checker.reordered(), corrupted,
                latencyNs.copy());
    }
}
