package dev.baton.datapath;

/**
 * A port whose far side is a virtqueue driver in this process: no privileges, no kernel.
 *
 * @param name       the port's name
 * @param queuePairs queue pairs, 1 to 128
 * @param queueSize  entries of each virtqueue, a power of two, 2 to 32768
 */
public record MemoryPortConfig(String name, int queuePairs, int queueSize) {
    /** Checks name, queue pairs and queue size. */
    public MemoryPortConfig {
        PortNames.check(name);
        if (queuePairs < 1 || queuePairs > VhostUserPortConfig.MAX_QUEUE_PAIRS) {
            throw new DatapathException("port " + name + ": queues=" + queuePairs + " is not in 1 to "
                + VhostUserPortConfig.MAX_QUEUE_PAIRS);
        }
        if (queueSize < 2 || queueSize > 32768 || Integer.bitCount(queueSize) != 1) {
            throw new DatapathException("port " + name + ": queue size " + queueSize
                + " is no power of two in 2 to 32768");
        }
    }

    /** One queue pair of 256 entries. */
    public static MemoryPortConfig named(String name) {
        return new MemoryPortConfig(name, 1, 256);
    }

    /** This configuration with another number of queue pairs. */
    public MemoryPortConfig withQueuePairs(int newQueuePairs) {
        return new MemoryPortConfig(name, newQueuePairs, queueSize);
    }

    /** This configuration with another queue size. */
    public MemoryPortConfig withQueueSize(int newQueueSize) {
        return new MemoryPortConfig(name, queuePairs, newQueueSize);
    }
}
