package dev.baton.datapath;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** How many descriptors are open of each kind that a datapath opens, the JVM does not, and traffic does not change. */
final class OpenDescriptors {
    private static final List<String> KINDS = List.of("/dev/net/tun", "/memfd:", "socket:", "net:",
        "anon_inode:[eventfd]", "anon_inode:[eventpoll]", "anon_inode:[pidfd]", "pidfd:");

    private OpenDescriptors() {
    }

    static Map<String, Long> byKind() {
        Map<String, Long> count = new TreeMap<>();
        try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
            open.map(OpenDescriptors::target).flatMap(target -> KINDS.stream().filter(target::startsWith))
                .forEach(kind -> count.merge(kind, 1L, Long::sum));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return count;
    }

    static long tapQueues() {
        return byKind().getOrDefault("/dev/net/tun", 0L);
    }

    private static String target(Path link) {
        try {
            return Files.readSymbolicLink(link).toString();
        } catch (IOException e) { // closed meanwhile
            return "";
        }
    }
}
