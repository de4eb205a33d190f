package dev.baton.datapath;

import dev.baton.tap.TapConfig;

/**
 * A port whose far side is this kernel: a multiqueue TAP interface that Baton opens, and makes when it is not there.
 *
 * @param name       the port's name
 * @param tap        which interface, and how it is opened
 * @param coalescing whether frames in a row of one UDP or TCP flow may go to the kernel as one, to be cut there
 * @param ioUring    whether many frames go to the kernel and come from it in one call, where it has io_uring
 */
public record TapPortConfig(String name, TapConfig tap, boolean coalescing, boolean ioUring) {
    /** Checks the port's name. */
    public TapPortConfig {
        PortNames.check(name);
    }

    /** A port with coalescing, and with io_uring where the kernel has it. */
    public TapPortConfig(String name, TapConfig tap) {
        this(name, tap, true, true);
    }

    /** A port named like its interface, with one queue, brought up. */
    public static TapPortConfig named(String tapName) {
        return new TapPortConfig(tapName, checked(TapConfig.builder(tapName).up(true)));
    }

    /** This configuration under another port name. */
    public TapPortConfig withPortName(String newName) {
        return new TapPortConfig(newName, tap, coalescing, ioUring);
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
        return new TapPortConfig(name, tap, wanted, ioUring);
    }

    /** This configuration with io_uring where the kernel has it, or with a call of the kernel for each frame. */
    public TapPortConfig withIoUring(boolean wanted) {
        return new TapPortConfig(name, tap, coalescing, wanted);
    }

    private TapPortConfig with(TapConfig.Builder changed) {
        return new TapPortConfig(name, checked(changed), coalescing, ioUring);
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
