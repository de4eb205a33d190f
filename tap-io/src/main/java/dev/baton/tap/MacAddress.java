package dev.baton.tap;

import java.util.HexFormat;

/**
 * An Ethernet address.
 *
 * @param value the six octets as one number, the first octet most significant
 */
public record MacAddress(long value) {
    /** Octets in an address. */
    public static final int LENGTH = 6;

    private static final HexFormat COLONS = HexFormat.ofDelimiter(":");

    /** Refuses a number of more than 48 bits. */
    public MacAddress {
        if (value >>> 48 != 0) {
            throw new IllegalArgumentException("an Ethernet address has 48 bits: 0x" + Long.toHexString(value));
        }
    }

    /**
     * Reads the usual form, six pairs of hexadecimal digits with colons between them.
     *
     * @throws IllegalArgumentException when {@code text} is anything else
     */
    public static MacAddress parse(String text) {
        try {
            return of(COLONS.parseHex(text));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                "MAC address \"" + text + "\" is not of the form 02:00:00:00:00:01", e);
        }
    }

    /**
     * The address in these six octets.
     *
     * @throws IllegalArgumentException when there are not six
     */
    public static MacAddress of(byte[] octets) {
        if (octets.length != LENGTH) {
            throw new IllegalArgumentException("an Ethernet address has 6 octets, not " + octets.length);
        }
        long value = 0;
        for (byte octet : octets) {
            value = (value << 8) | (octet & 0xff);
        }
        return new MacAddress(value);
    }

    /** The six octets in a new array. */
    public byte[] octets() {
        byte[] octets = new byte[LENGTH];
        for (int i = 0; i < LENGTH; i++) {
            octets[i] = (byte) (value >>> (8 * (LENGTH - 1 - i)));
        }
        return octets;
    }

    /** Whether one station is meant: the group bit is clear and the address is not zero. */
    public boolean isUnicast() {
        return (value & (1L << 40)) == 0 && value != 0;
    }

    @Override
    public String toString() {
        return COLONS.formatHex(octets());
    }
}
