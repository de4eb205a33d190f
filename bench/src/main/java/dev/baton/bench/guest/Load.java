package dev.baton.bench.guest;

/** What a guest does, a step at a time. */
interface Load extends AutoCloseable {
    /** Does a little of it; some microseconds. */
    void step();

    /** What it has come to: words and numbers. */
    String report();

    @Override
    void close();
}
