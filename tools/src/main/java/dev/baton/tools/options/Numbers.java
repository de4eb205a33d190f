package dev.baton.tools.options;

/** Numbers as a user writes them. */
final class Numbers {
    private Numbers() {
    }

    /** A number of up to nine plain digits, or -1 for anything else. */
    static int parse(String text) {
        if (text.isEmpty() || text.length() > 9 || !text.chars().allMatch(c -> c >= '0' && c <= '9')) {
            return -1;
        }
        return Integer.parseInt(text);
    }
}
