package dev.baton.vhostuser;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** The sockets, eventfds and shared memory that this process has open and mapped: what a connection can leak. */
record Resources(List<String> descriptors, List<String> mappings) {
    static Resources now() {
        try {
            List<String> descriptors = new ArrayList<>();
            try (DirectoryStream<Path> open = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
                for (Path one : open) {
                    String target = target(one);
                    if (target.startsWith("socket:") || target.contains("eventfd") || target.startsWith("/memfd:")) {
                        descriptors.add(target);
                    }
                }
            }
            List<String> mappings = new ArrayList<>(Files.readAllLines(Path.of("/proc/self/maps")).stream()
                .filter(line -> line.contains("/memfd:")).map(line -> line.substring(0, line.indexOf(' '))).toList());
            Collections.sort(descriptors);
            Collections.sort(mappings);
            return new Resources(descriptors, mappings);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String target(Path link) {
        try {
            return Files.readSymbolicLink(link).toString();
        } catch (IOException closedMeanwhile) {
            return "";
        }
    }
}
