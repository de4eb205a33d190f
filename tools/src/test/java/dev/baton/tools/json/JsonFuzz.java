package dev.baton.tools.json;

import java.nio.charset.StandardCharsets;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Fuzz target: a JSON document of any text. It is no document, or one that stays the same when it is written. */
public final class JsonFuzz {
    private JsonFuzz() {
    }

    /** Called by the fuzzer, and for every file of the corpus by a test. */
    public static void fuzzerTestOneInput(byte[] text) {
        @Nullable Object tree;
        try {
            tree = JsonReader.parse(new String(text, StandardCharsets.UTF_8));
        } catch (IllegalArgumentException noDocument) {
            return;
        }
        String written = JsonWriter.pretty(tree);
        if (!Objects.equals(JsonReader.parse(written), tree)) {
            throw new AssertionError(tree + " is written as " + written);
        }
    }
}
