package dev.baton.ffi;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import org.jspecify.annotations.Nullable;

/**
 * The file of a listening UNIX socket: it outlives that, and another one may have come to its place meanwhile. They are
 * told apart by their inodes, whose numbers no other file has while the socket is open.
 */
public final class SocketFile {
    private final Path path;
    private final @Nullable Object inode;

    private SocketFile(Path path) {
        this.path = path;
        this.inode = inode(path);
    }

    /** The file that is at this path now. */
    public static SocketFile at(Path path) {
        return new SocketFile(path);
    }

    /**
     * The path, whatever is there by now.
     *
     * @return as it was given
     */
    public Path path() {
        return path;
    }

    /**
     * Removes the file, unless it has gone or another one is in its place; the socket is still open.
     *
     * @throws IOException it is still there
     */
    public void remove() throws IOException {
        if (inode != null && inode.equals(inode(path))) {
            Files.deleteIfExists(path);
        }
    }

    private static @Nullable Object inode(Path path) {
        try {
            return Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS).fileKey();
        } catch (IOException e) {
            return null;
        }
    }
}
