package dev.baton.tools.traffic;

/**
 * A host on an Ethernet.
 *
 * @param mac  its Ethernet address in the low 48 bits, first byte highest
 * @param ipv4 its IPv4 address, first byte highest
 */
public record Endpoint(long mac, int ipv4) {
    /** The Ethernet address of everybody. */
    public static final long BROADCAST = 0xFFFF_FFFF_FFFFL;

    /**
     * The IPv4 address as people write it.
     *
     * @return four numbers
     */
    public String address() {
        return (ipv4 >>> 24) + "." + (ipv4 >>> 16 & 255) + "." + (ipv4 >>> 8 & 255) + "." + (ipv4 & 255);
    }
}
