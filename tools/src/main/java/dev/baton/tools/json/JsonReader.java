package dev.baton.tools.json;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads JSON (RFC 8259) into the trees that {@link JsonWriter} writes; whole numbers become {@link Long}, others
 * {@link Double}. Nesting is bounded, so that a hostile text costs no stack.
 */
public final class JsonReader {
    private static final int MAX_DEPTH = 64;

    private final String text;
    private int position;

    private JsonReader(String text) {
        this.text = text;
    }

    /**
     * Reads a document.
     *
     * @param text the document
     * @return its tree
     * @throws IllegalArgumentException when it is not one JSON document
     */
    public static @Nullable Object parse(String text) {
        JsonReader reader = new JsonReader(text);
        Object tree = reader.value(0);
        reader.skipSpace();
        if (reader.position != text.length()) {
            throw reader.refuse("text after the document");
        }
        return tree;
    }

    /**
     * Follows keys down a tree.
     *
     * @param tree a tree
     * @param keys the keys, from the top
     * @return what stands there, or null
     */
    public static @Nullable Object at(@Nullable Object tree, String... keys) {
        Object here = tree;
        for (String key : keys) {
            here = here instanceof Map<?, ?> map ? map.get(key) : null;
        }
        return here;
    }

    /**
     * The number at a place in a tree.
     *
     * @param tree a tree
     * @param keys the keys, from the top
     * @return the number
     * @throws IllegalArgumentException when no number stands there
     */
    public static Number number(@Nullable Object tree, String... keys) {
        if (at(tree, keys) instanceof Number number) {
            return number;
        }
        throw new IllegalArgumentException("no number at " + String.join(".", keys));
    }

    /**
     * The text at a place in a tree.
     *
     * @param tree a tree
     * @param keys the keys, from the top
     * @return the text
     * @throws IllegalArgumentException when no text stands there
     */
    public static String text(@Nullable Object tree, String... keys) {
        if (at(tree, keys) instanceof String string) {
            return string;
        }
        throw new IllegalArgumentException("no text at " + String.join(".", keys));
    }

    private @Nullable Object value(int depth) {
        if (depth > MAX_DEPTH) {
            throw refuse("nested too deep");
        }
        skipSpace();
        return switch (peek()) {
            case '{' -> object(depth);
            case '[' -> array(depth);
            case '"' -> string();
            case 't' -> word("true", true);
            case 'f' -> word("false", false);
            case 'n' -> word("null", null);
            default -> number();
        };
    }

    private Map<String, @Nullable Object> object(int depth) {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        position++;
        skipSpace();
        if (take('}')) {
            return map;
        }
        do {
            skipSpace();
            String key = string();
            skipSpace();
            expect(':');
            map.put(key, value(depth + 1));
            skipSpace();
        } while (take(','));
        expect('}');
        return map;
    }

    private List<@Nullable Object> array(int depth) {
        List<@Nullable Object> list = new ArrayList<>();
        position++;
        skipSpace();
        if (take(']')) {
            return list;
        }
        do {
            list.add(value(depth + 1));
            skipSpace();
        } while (take(','));
        expect(']');
        return list;
    }

    private String string() {
        expect('"');
        StringBuilder out = new StringBuilder();
        while (true) {
            char c = peek();
            position++;
            if (c == '"') {
                return out.toString();
            }
            if (c < ' ') {
                throw refuse("a control character in a string");
            }
            out.append(c == '\\' ? escaped() : c);
        }
    }

    private char escaped() {
        char c = peek();
        position++;
        return switch (c) {
            case '"', '\\', '/' -> c;
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'u' -> {
                if (position + 4 > text.length()) {
                    throw refuse("a cut escape");
                }
                int code = 0;
                for (int end = position + 4; position < end; position++) {
                    int digit = Character.digit(text.charAt(position), 16);
                    if (digit < 0) {
                        throw refuse("a bad escape");
                    }
                    code = code << 4 | digit;
                }
                yield (char) code;
            }
            default -> throw refuse("a bad escape");
        };
    }

    private @Nullable Object word(String word, @Nullable Object meaning) {
        if (!text.startsWith(word, position)) {
            throw refuse("an unknown word");
        }
        position += word.length();
        return meaning;
    }

    private Number number() {
        int start = position;
        while (position < text.length() && "+-.eE0123456789".indexOf(text.charAt(position)) >= 0) {
            position++;
        }
        String digits = text.substring(start, position);
        try {
            if (digits.chars().allMatch(c -> c == '-' || (c >= '0' && c <= '9'))) {
                return Long.valueOf(digits);
            }
            double number = Double.parseDouble(digits);
            if (Double.isInfinite(number)) {
                position = start;
                throw refuse("a number out of range");
            }
            return number;
        } catch (NumberFormatException e) {
            position = start;
            throw refuse("neither a value nor a number");
        }
    }

    private char peek() {
        if (position >= text.length()) {
            throw refuse("the text ends too early");
        }
        return text.charAt(position);
    }

    private boolean take(char c) {
        if (position < text.length() && text.charAt(position) == c) {
            position++;
            return true;
        }
        return false;
    }

    private void expect(char c) {
        if (!take(c)) {
            throw refuse("'" + c + "' is missing");
        }
    }

    private void skipSpace() {
        while (position < text.length() && " \t\r\n".indexOf(text.charAt(position)) >= 0) {
            position++;
        }
    }

    private IllegalArgumentException refuse(String why) {
        return new IllegalArgumentException("not JSON: " + why + " at character " + position);
    }
}
