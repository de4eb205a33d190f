package dev.baton.datapath;

import dev.baton.tap.TapConfig;

/**
 * A port whose far side is this kernel: a multiqueue TAP interface that Baton opens, and makes when it is not there.
 *
 * @param name       the port's name
 * @param tap        which interface, and how it is opened
 * @param coalescing whether frames in a row of one UDP or TCP flow may go to the kernel as one, to be cut there
 */
public record TapPortConfig(String name, TapConfig tap, boolean coalescing) {
    /** Checks the port's name. */
    public TapPortConfig {
        PortNames.check(name);
    }

    /** A port with coalescing. */
    public TapPortConfig(String name, TapConfig tap) {
        this(name, tap, true);
    }

    /** A port named like its interface, with one queue, brought up. */
    public static TapPortConfig named(String tapName) {
        return new TapPortConfig(tapName, checked(TapConfig.builder(tapName).up(true)));
    }

    /** This configuration under another port name. */
    public TapPortConfig withPortName(String newName) {
        return new TapPortConfig(newName, tap, coalescing);
    }

    /** This configuration with another number of queues. */
    public TapPortConfig withQueuePairs(int queuePairs) {
        return with(builder().queues(queuePairs));
    }

    /** This configuration with the interface in a network namespace, given as a name or a path. */
    public TapPortConfig withNetns(String netns) {
        return with(builder().networkNamespace(netns));
    }

    /** This configuration with an interface that stays when Baton ends, or goes with it. */
    public TapPortConfig withPersistent(boolean persistent) {
        return with(builder().persistent(persistent));
    }

    /** This configuration with or without coalescing. */
    public TapPortConfig withCoalescing(boolean wanted) {
        return new TapPortConfig(name, tap, wanted);
    }

    private TapPortConfig with(TapConfig.Builder changed) {
        return new TapPortConfig(name, checked(changed), coalescing);
    }

    private TapConfig.Builder builder() {
        return TapConfig.builder(tap.name()).queues(tap.queues()).persistent(tap.persistent())
            .networkNamespace(tap.networkNamespace()).mac(tap.mac()).mtu(tap.mtu()).up(tap.up());
    }

    private static TapConfig checked(TapConfig.Builder builder) {
        try {
            return builder.build();
        } catch (IllegalArgumentException e) {
            throw new DatapathException(String.valueOf(e.getMessage()), e);
        }
    }
}
