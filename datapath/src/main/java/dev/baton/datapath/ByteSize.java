package dev.baton.datapath;

/** Sizes of memory as people write them: {@code 512M}, {@code 64G}, {@code 16T}, in powers of 1024. */
public final class ByteSize {
    private static final String UNITS = "KMGT";
    private static final int UNIT_BITS = 10;
    /** As many as 16 T has bytes, with one to spare. */
    private static final int MAX_DIGITS = 15;

    private ByteSize() {
    }

    /** The size in the largest unit that it is a multiple of. */
    public static String text(long bytes) {
        int unit = bytes == 0 ? 0 : Math.min(Long.numberOfTrailingZeros(bytes) / UNIT_BITS, UNITS.length());
        return (bytes >>> (unit * UNIT_BITS)) + (unit == 0 ? "" : UNITS.substring(unit - 1, unit));
    }

    /**
     * Reads plain digits, with one of the letters K, M, G and T behind them or without.
     *
     * @return bytes; -1 for anything else, and for what no {@code long} holds
     */
    public static long parse(String text) {
        int unit = text.isEmpty() ? 0 : UNITS.indexOf(text.charAt(text.length() - 1)) + 1;
        String digits = unit == 0 ? text : text.substring(0, text.length() - 1);
        if (digits.isEmpty() || digits.length() > MAX_DIGITS || !digits.chars().allMatch(c -> c >= '0' && c <= '9')) {
            return -1;
        }
        long number = Long.parseLong(digits);
        int shift = unit * UNIT_BITS;
        return number > Long.MAX_VALUE >> shift ? -1 : number << shift;
    }
}
