package dev.baton.datapath;

import dev.baton.tap.TapConfig;

/**
 * A port whose far side is this kernel: a multiqueue TAP interface that Baton opens, and makes when it is not there.
 *
 * @param name the port's name
 * @param tap  which interface, and how it is opened
 */
public record TapPortConfig(String name, TapConfig tap) {
    /** Checks the port's name. */
    public TapPortConfig {
        PortNames.check(name);
    }

    /** A port named like its interface, with one queue, brought up. */
    public static TapPortConfig named(String tapName) {
        return new TapPortConfig(tapName, checked(TapConfig.builder(tapName).up(true)));
    }

    /** This configuration under another port name. */
    public TapPortConfig withPortName(String newName) {
        return new TapPortConfig(newName, tap);
    }

    /** This configuration with another number of queues. */
    public TapPortConfig withQueuePairs(int queuePairs) {
        return new TapPortConfig(name, checked(builder().queues(queuePairs)));
    }

    /** This configuration with the interface in a network namespace, given as a name or a path. */
    public TapPortConfig withNetns(String netns) {
        return new TapPortConfig(name, checked(builder().networkNamespace(netns)));
    }

    /** This configuration with an interface that stays when Baton ends, or goes with it. */
    public TapPortConfig withPersistent(boolean persistent) {
        return new TapPortConfig(name, checked(builder().persistent(persistent)));
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
