package dev.baton.datapath;

import dev.baton.ffi.Epoll;
import dev.baton.ffi.Fd;
import dev.baton.handover.HandoverChannel;

/** A standby's watch over an owner: for its words, and for the end of its threads. Belongs to one thread. */
final class Vigil implements AutoCloseable {
    private static final long WORD = 1;
    private static final long END = 0;

    private final Epoll epoll;

    /** What ended the wait. */
    enum Event { NOTHING, WORD, END }

    Vigil(HandoverChannel channel, Fence fence) {
        epoll = Epoll.create();
        epoll.add(channel.inputFd(), Epoll.IN, WORD);
        for (Fd sign : fence.signs()) {
            epoll.add(sign, Epoll.IN, END);
        }
    }

    /** Waits so long. Words come first: an owner that ends in order says so before its threads end. */
    Event await(int timeoutMs) {
        int count = epoll.await(timeoutMs);
        for (int i = 0; i < count; i++) {
            if (epoll.data(i) == WORD) {
                return Event.WORD;
            }
        }
        return count > 0 ? Event.END : Event.NOTHING;
    }

    @Override
    public void close() {
        epoll.close();
    }
}
