package dev.baton.datapath;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Paths for UNIX sockets: short, and unique. */
final class TestSockets {
    private TestSockets() {
    }

    static Path path(String name) {
        try {
            Path directory = Files.createTempDirectory("baton");
            directory.toFile().deleteOnExit();
            return directory.resolve(name);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
