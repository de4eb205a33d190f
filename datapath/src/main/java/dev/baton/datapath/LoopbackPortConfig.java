package dev.baton.datapath;

/**
 * A port that gives every frame back to where it came from, queue pair by queue pair.
 *
 * @param name       the port's name
 * @param queuePairs how many queue pairs, 1 to 256
 */
public record LoopbackPortConfig(String name, int queuePairs) {
    private static final int MAX_QUEUE_PAIRS = 256;

    /** Checks name and number. */
    public LoopbackPortConfig {
        PortNames.check(name);
        if (queuePairs < 1 || queuePairs > MAX_QUEUE_PAIRS) {
            throw new DatapathException("port " + name + ": " + queuePairs + " queue pairs, not 1 to "
                + MAX_QUEUE_PAIRS);
        }
    }

    /** A port with one queue pair. */
    public static LoopbackPortConfig named(String name) {
        return new LoopbackPortConfig(name, 1);
    }

    /** This configuration with another number of queue pairs. */
    public LoopbackPortConfig withQueuePairs(int newQueuePairs) {
        return new LoopbackPortConfig(name, newQueuePairs);
    }
}
