package dev.baton.datapath;

/** Is given a frame that arrived. */
@FunctionalInterface
public interface FrameHandler {
    /**
     * One Ethernet frame, without virtio-net header.
     *
     * @param address     where it lies in memory, valid until the call returns
     * @param lengthBytes its length
     */
    void frame(long address, int lengthBytes);
}
