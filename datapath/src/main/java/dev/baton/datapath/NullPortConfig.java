package dev.baton.datapath;

/**
 * A port that counts and drops all that leaves by it. If it is told to, it also sends frames of one length, as many as
 * the port that it is wired to takes. That port has to have virtqueues: a vhost-user port or a {@link MemoryPort}.
 *
 * @param name       the port's name
 * @param queuePairs queue pairs, 1 to 128
 * @param frameBytes bytes of each frame that it sends, without the virtio-net header, {@value #MIN_FRAME_BYTES} to
 *                   {@value #MAX_FRAME_BYTES}; 0: it sends nothing
 */
public record NullPortConfig(String name, int queuePairs, int frameBytes) {
    /** The shortest frame of Ethernet, without its checksum. */
    public static final int MIN_FRAME_BYTES = 60;
    /** An Ethernet header and 9000 bytes, the usual MTU of jumbo frames. */
    public static final int MAX_FRAME_BYTES = 9014;

    private static final String SEND = "send=";
    private static final String OFF = "off";

    /** Checks name, number and length. */
    public NullPortConfig {
        PortNames.check(name);
        if (queuePairs < 1 || queuePairs > VhostUserPortConfig.MAX_QUEUE_PAIRS) {
            throw new DatapathException("port " + name + ": " + queuePairs + " queue pairs, not 1 to "
                + VhostUserPortConfig.MAX_QUEUE_PAIRS);
        }
        if (frameBytes != 0 && (frameBytes < MIN_FRAME_BYTES || frameBytes > MAX_FRAME_BYTES)) {
            throw new DatapathException("port " + name + ": frames of " + frameBytes + " bytes, not "
                + MIN_FRAME_BYTES + " to " + MAX_FRAME_BYTES);
        }
    }

    /** A port with one queue pair that sends nothing. */
    public static NullPortConfig named(String name) {
        return new NullPortConfig(name, 1, 0);
    }

    /** This configuration with another number of queue pairs. */
    public NullPortConfig withQueuePairs(int newQueuePairs) {
        return new NullPortConfig(name, newQueuePairs, frameBytes);
    }

    /** This configuration with frames of so many bytes that it sends, 0 for none. */
    public NullPortConfig withFrameBytes(int newFrameBytes) {
        return new NullPortConfig(name, queuePairs, newFrameBytes);
    }

    /** What it sends, as in {@code send=64} or {@code send=off}; travels to the next owner. */
    String options() {
        return SEND + (frameBytes == 0 ? OFF : frameBytes);
    }

    /** The configuration of a port of a former owner. */
    static NullPortConfig parse(String name, int queuePairs, String options) {
        String send = options.startsWith(SEND) ? options.substring(SEND.length()) : "";
        if (send.equals(OFF)) {
            return new NullPortConfig(name, queuePairs, 0);
        }
        if (!send.matches("[1-9][0-9]{0,8}")) {
            throw new DatapathException("options of a null port: \"" + options + "\"");
        }
        return new NullPortConfig(name, queuePairs, Integer.parseInt(send));
    }
}
