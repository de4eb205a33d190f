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
            Path socket = directory.resolve(name);
            // Deleted in reverse order: the socket, if its server left it behind, before its directory.
            directory.toFile().deleteOnExit();
            socket.toFile().deleteOnExit();
            return socket;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
