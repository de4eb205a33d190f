package dev.baton.ffi;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SocketFileTest {
    @TempDir
    private Path folder;
    private Path path;

    @BeforeEach
    void name() {
        path = folder.resolve("socket");
    }

    private SocketFile listenOnce() {
        UnixSocket.listen(path, UnixSocket.STREAM, 0600, 1).close();
        return SocketFile.at(path);
    }

    @Test
    void itsOwnFileIsRemovedWhoeverItWasGivenTo() throws IOException {
        SocketFile file = listenOnce();
        Files.setAttribute(path, "unix:mode", 0666);
        file.remove();
        assertThat(path).doesNotExist();
        file.remove();
    }

    /** Again and again, for the number of an inode that has gone may be given to the next file. */
    @Test
    void anotherOneInItsPlaceStays() throws IOException {
        for (int i = 0; i < 100; i++) {
            SocketFile file = listenOnce();
            Files.delete(path);
            SocketFile others = listenOnce();
            file.remove();
            assertThat(path).exists();
            others.remove();
            assertThat(path).doesNotExist();
        }
    }

    @Test
    void whereNoneWasNoneIsRemoved() throws IOException {
        SocketFile file = SocketFile.at(path);
        SocketFile others = listenOnce();
        file.remove();
        assertThat(path).exists();
        others.remove();
    }
}
