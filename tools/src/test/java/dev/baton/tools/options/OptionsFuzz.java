package dev.baton.tools.options;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/**
 * Fuzz target: a configuration file of any text. It is taken, or refused in one sentence that names its place; what was
 * taken says of itself what would be taken again.
 */
public final class OptionsFuzz {
    private OptionsFuzz() {
    }

    /** Called by the fuzzer, and for every file of the corpus by a test. */
    public static void fuzzerTestOneInput(byte[] text) {
        List<String> lines = Arrays.asList(new String(text, StandardCharsets.UTF_8).split("\\R", -1));
        RunOptions options;
        try {
            options = RunOptions.of(ConfigFile.parse("baton.conf", lines), List.of());
        } catch (UsageException refused) {
            String sentence = refused.getMessage();
            require(sentence != null && !sentence.isBlank() && sentence.chars().noneMatch(c -> c == '\n'),
                "refused with: " + sentence);
            return;
        }
        List<String> described = options.describe();
        RunOptions again = RunOptions.of(ConfigFile.parse("described", described), List.of());
        require(again.equals(options), options + " describes itself as " + again);
    }

    private static void require(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }
}
