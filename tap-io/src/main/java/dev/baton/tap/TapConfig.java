package dev.baton.tap;

import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * Which TAP device to open, and how. Made by {@link #builder(String)}, which refuses each bad option with one sentence.
 *
 * @param name the interface, or a pattern such as {@code tap%d} from which the kernel makes the first free name
 * @param queues how many queues this process opens, 1 to {@value #MAX_QUEUES}
 * @param persistent whether the interface stays when its last descriptor is closed; {@code false} leaves an interface
 *     that is persistent already as it is
 * @param networkNamespace a name as {@code ip netns} shows it, or a path with a {@code /} in it such as
 *     {@code /proc/1234/ns/net}; {@code null} is the namespace of the calling thread
 * @param mac wanted Ethernet address of the kernel's end, or {@code null} to leave it
 * @param mtu wanted MTU in bytes, or 0 to leave it
 * @param up whether to bring the interface up; {@code false} leaves it as it is
 */
public record TapConfig(
    String name,
    int queues,
    boolean persistent,
    @Nullable String networkNamespace,
    @Nullable MacAddress mac,
    int mtu,
    boolean up) {

    /** Most queues that the kernel gives one interface. */
    public static final int MAX_QUEUES = 256;
    /** Longest interface name in bytes, IFNAMSIZ without the closing zero. */
    public static final int MAX_NAME_BYTES = 15;
    /** Smallest MTU of an Ethernet interface. */
    public static final int MIN_MTU = 68;
    /** Largest MTU of a TAP: 65535 without the Ethernet header. */
    public static final int MAX_MTU = 65521;

    /** Refuses what the kernel would refuse, or would silently take for something else. */
    public TapConfig {
        checkName(name);
        if (queues < 1 || queues > MAX_QUEUES) {
            throw new IllegalArgumentException("TAP " + name + ": " + queues + " queues: 1 to " + MAX_QUEUES
                + " are possible");
        }
        if (networkNamespace != null && networkNamespace.isBlank()) {
            throw new IllegalArgumentException("TAP " + name + ": the name of the network namespace is empty");
        }
        if (mac != null && !mac.isUnicast()) {
            throw new IllegalArgumentException("TAP " + name + ": MAC address " + mac
                + " is a group address or zero: an interface needs a unicast address");
        }
        if (mtu != 0 && (mtu < MIN_MTU || mtu > MAX_MTU)) {
            throw new IllegalArgumentException("TAP " + name + ": MTU " + mtu + ": " + MIN_MTU + " to " + MAX_MTU
                + " bytes are possible");
        }
    }

    /** Whether the kernel is to make the name from a pattern. */
    public boolean isPattern() {
        return name.indexOf('%') >= 0;
    }

    /** Starts with one queue, not persistent, in the current namespace, everything else left as the kernel makes it. */
    public static Builder builder(String name) {
        return new Builder(name);
    }

    /** The rules of the kernel's dev_valid_name; it would cut a longer name short without a word. */
    private static void checkName(String name) {
        String reason = null;
        int bytes = name.getBytes(StandardCharsets.UTF_8).length;
        int percent = name.indexOf('%');
        if (name.isEmpty()) {
            reason = "it is empty";
        } else if (bytes > MAX_NAME_BYTES) {
            reason = "it has " + bytes + " bytes and the kernel takes at most " + MAX_NAME_BYTES;
        } else if (".".equals(name) || "..".equals(name)) {
            reason = "it stands for a directory";
        } else if (name.chars().anyMatch(c -> c == '/' || c == ':' || c <= ' ')) {
            reason = "it holds a slash, a colon, white space or a control character";
        } else if (percent >= 0 && (percent != name.indexOf("%d") || percent != name.lastIndexOf('%'))) {
            reason = "a pattern has one %d and no other percent sign";
        }
        if (reason != null) {
            throw new IllegalArgumentException("TAP \"" + name + "\": no name for an interface: " + reason);
        }
    }

    /** Collects the options of a {@link TapConfig}. */
    public static final class Builder {
        private final String name;
        private int queues = 1;
        private boolean persistent;
        private @Nullable String networkNamespace;
        private @Nullable MacAddress mac;
        private int mtu;
        private boolean up;

        private Builder(String name) {
            this.name = name;
        }

        /** How many queues to open. */
        public Builder queues(int value) {
            queues = value;
            return this;
        }

        /** Whether the interface shall outlive its descriptors. */
        public Builder persistent(boolean value) {
            persistent = value;
            return this;
        }

        /** The network namespace by name or path, {@code null} for the current one. */
        public Builder networkNamespace(@Nullable String nameOrPath) {
            networkNamespace = nameOrPath;
            return this;
        }

        /** The Ethernet address that the kernel's end shall have. */
        public Builder mac(@Nullable MacAddress value) {
            mac = value;
            return this;
        }

        /** The MTU in bytes. */
        public Builder mtu(int bytes) {
            mtu = bytes;
            return this;
        }

        /** Whether to bring the interface up once it is open. */
        public Builder up(boolean value) {
            up = value;
            return this;
        }

        /**
         * Checks the options together.
         *
         * @throws IllegalArgumentException with one sentence about the option that is refused
         */
        public TapConfig build() {
            return new TapConfig(name, queues, persistent, networkNamespace, mac, mtu, up);
        }
    }
}
