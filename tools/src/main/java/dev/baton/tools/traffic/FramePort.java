package dev.baton.tools.traffic;

import dev.baton.datapath.FrameHandler;

/** A queue pair as a host sees it: places for frames to send, and frames that arrived. For one thread. */
public interface FramePort {
    /**
     * A place for the next frame.
     *
     * @return an address with room for 1514 bytes, or 0 when nothing can be sent now
     */
    long reserve();

    /**
     * Sends the frame that was written to the place reserved last.
     *
     * @param lengthBytes    its length
     * @param checksumIsOpen true: the UDP checksum holds the sum of the pseudo header, the rest is left to others; only
     *                       where {@link #takesOpenChecksums()}
     * @return false when it could not be sent after all
     */
    boolean commit(int lengthBytes, boolean checksumIsOpen);

    /** Shows everything that was committed to the other side. */
    void flush();

    /**
     * Hands over frames that arrived.
     *
     * @param handler gets each of them
     * @param limit   how many at most
     * @return how many they were
     */
    int receive(FrameHandler handler, int limit);

    /**
     * Whether checksums may be left open.
     *
     * @return true when the other side completes them
     */
    boolean takesOpenChecksums();
}
