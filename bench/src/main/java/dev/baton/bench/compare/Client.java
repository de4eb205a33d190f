package dev.baton.bench.compare;

/** Who sends frames into a back end, and receives them from it. */
interface Client extends AutoCloseable {
    /** Sets it going. */
    void start();

    void stop();

    /** Frames that it has received from the back end so far. */
    long received();

    /** Time that its own core has spent in rounds that moved frames, ns; NaN where it does not count it. */
    default double busyNs() {
        return Double.NaN;
    }

    void pause();

    void resume();

    @Override
    void close();
}
