package dev.baton.tools.clients;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** A short-named folder for sockets (a socket's path has 107 bytes at most), gone at the end. */
final class Workplace implements AutoCloseable {
    private final Path folder;
    private final Runnable undo = this::delete;

    Workplace() {
        try {
            folder = Files.createTempDirectory(Path.of("/tmp"), "baton-it");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        Undo.register(undo);
    }

    Path path(String name) {
        return folder.resolve(name);
    }

    @Override
    public void close() {
        delete();
        Undo.done(undo);
    }

    private void delete() {
        List<Path> all;
        try (Stream<Path> walk = Files.walk(folder)) {
            all = walk.sorted(Comparator.reverseOrder()).toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        for (Path path : all) {
            try {
                Files.deleteIfExists(path);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}
