package dev.baton.handover;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.TestInstanceFactoryContext;
import org.junit.jupiter.api.extension.TestInstancePreConstructCallback;

/** Every test ends with the descriptors that it began with, whatever failed in it. */
final class NoLeaks implements TestInstancePreConstructCallback, AfterEachCallback {
    private Map<Integer, String> before = Map.of();

    @Override
    public void preConstructTestInstance(TestInstanceFactoryContext factory, ExtensionContext context)
        throws IOException {
        before = openDescriptors();
    }

    @Override
    public void afterEach(ExtensionContext context) throws IOException {
        assertThat(openDescriptors()).as("open descriptors, before and after").isEqualTo(before);
    }

    /**
     * Number and target of each open descriptor but those that the JVM opens, and closes, as it goes: its own files,
     * and the pipes to a child process, which one of its threads closes some time after the child has ended.
     */
    static Map<Integer, String> openDescriptors() throws IOException {
        Map<Integer, String> open = new TreeMap<>();
        try (Stream<Path> links = Files.list(Path.of("/proc/self/fd"))) {
            for (Path link : links.toList()) {
                String target = target(link);
                if (!isOfTheJvm(target)) {
                    open.put(Integer.valueOf(link.getFileName().toString()), target);
                }
            }
        }
        return open;
    }

    private static boolean isOfTheJvm(String target) {
        return target.isEmpty() || target.startsWith("pipe:")
            || Stream.of(".jar", ".class", "/fd", "random", "/modules").anyMatch(target::endsWith);
    }

    private static String target(Path link) {
        try {
            return Files.readSymbolicLink(link).toString();
        } catch (IOException e) { // the one that lists the directory
            return "";
        }
    }
}
