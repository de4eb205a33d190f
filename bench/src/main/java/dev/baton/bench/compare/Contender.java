package dev.baton.bench.compare;

/** One of those who take turns: Baton, a peer of it, or a limit of the machine. None runs while it is not its turn. */
interface Contender extends AutoCloseable {
    /** How long a program runs before its windows count: until its code is compiled, and caches are warm. */
    double WARM_UP_SECONDS = 4;

    /** What it is called in a report. */
    String name();

    /** Whether it is what the machine can do at best in a part of the work, and no datapath. */
    default boolean isLimit() {
        return false;
    }

    /** Runs for so long. */
    Sample run(double seconds);

    /** The first run, which does not count. */
    default void warmUp() {
        run(WARM_UP_SECONDS);
    }

    @Override
    void close();
}
