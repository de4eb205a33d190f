package dev.baton.handover;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What the fuzzer has found worth keeping, run again: one folder of files for each fuzz target, named after it. */
class CorpusTest {
    private static final Path CORPUS = Path.of("src/test/fuzz");

    static List<String> targets() throws IOException {
        return names(CORPUS);
    }

    @ParameterizedTest
    @MethodSource("targets")
    void everyInputRunsToItsEnd(String target) throws Throwable {
        MethodHandle run = MethodHandles.publicLookup().findStatic(Class.forName(target), "fuzzerTestOneInput",
            MethodType.methodType(void.class, byte[].class));
        List<String> inputs = names(CORPUS.resolve(target));
        assertThat(inputs).isNotEmpty();
        for (String input : inputs) {
            byte[] bytes = Files.readAllBytes(CORPUS.resolve(target).resolve(input));
            try {
                run.invokeExact(bytes);
            } catch (Throwable e) {
                throw new AssertionError(target + " fails on " + input, e);
            }
        }
    }

    private static List<String> names(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }
}
