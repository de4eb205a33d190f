package dev.baton.bench.compare;

/** What is compared: a datapath between the client's ports, or one of them and a TAP or nothing. */
interface BackEnd extends AutoCloseable {
    /** Sets it going; the client is attached. */
    void forward();

    /** What its work has cost so far. */
    Cost cost();

    /** Frames that the kernel has taken from it by the TAP, or that it has dropped, so far. */
    long taken();

    void pause();

    void resume();

    @Override
    void close();
}
