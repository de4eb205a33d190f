package dev.baton.tools.options;

/** Numbers as a user writes them. */
public final class Numbers {
    private Numbers() {
    }

    /**
     * A number of up to nine plain digits.
     *
     * @param text what the user wrote
     * @return the number, -1 for anything else
     */
    public static int parse(String text) {
        if (text.isEmpty() || text.length() > 9 || !text.chars().allMatch(c -> c >= '0' && c <= '9')) {
            return -1;
        }
        return Integer.parseInt(text);
    }
}
