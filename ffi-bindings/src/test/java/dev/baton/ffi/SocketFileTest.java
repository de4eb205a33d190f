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

    private Fd listen() {
        return UnixSocket.listen(path, UnixSocket.STREAM, 0600, 1);
    }

    @Test
    void itsOwnFileIsRemovedWhoeverMayUseItByNow() throws IOException {
        try (Fd _ = listen()) {
            SocketFile file = SocketFile.at(path);
            Files.setAttribute(path, "unix:mode", 0666);
            file.remove();
            assertThat(path).doesNotExist();
            file.remove();
        }
    }

    /** Again and again, for the number of an inode that has gone may be given to the next file. */
    @Test
    void anotherOneInItsPlaceStays() throws IOException {
        for (int i = 0; i < 100; i++) {
            try (Fd _ = listen()) {
                SocketFile file = SocketFile.at(path);
                Files.delete(path);
                try (Fd _ = listen()) {
                    file.remove();
                    assertThat(path).exists();
                    SocketFile.at(path).remove();
                    assertThat(path).doesNotExist();
                }
            }
        }
    }

    @Test
    void whereThereWasNoneNoneIsRemoved() throws IOException {
        SocketFile file = SocketFile.at(path);
        try (Fd _ = listen()) {
            file.remove();
            assertThat(path).exists();
        }
    }
}
