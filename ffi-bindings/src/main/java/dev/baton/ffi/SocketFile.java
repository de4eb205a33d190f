package dev.baton.ffi;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import org.jspecify.annotations.Nullable;

/** The file of a listening UNIX socket: it outlives that, and another one may have come to its place meanwhile. */
public final class SocketFile {
    private final Path path;
    private final @Nullable Identity identity;

    /** An inode's number may be given again at once, the time of its birth not. */
    private record Identity(Object inode, FileTime birth) {
    }

    private SocketFile(Path path) {
        this.path = path;
        this.identity = identity(path);
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
     * Removes the file, unless it has gone or another one is in its place.
     *
     * @throws IOException it is still there
     */
    public void remove() throws IOException {
        if (identity != null && identity.equals(identity(path))) {
            Files.deleteIfExists(path);
        }
    }

    private static @Nullable Identity identity(Path path) {
        try {
            BasicFileAttributes file = Files.readAttributes(path, BasicFileAttributes.class,
                LinkOption.NOFOLLOW_LINKS);
            return new Identity(file.fileKey(), file.creationTime());
        } catch (IOException e) {
            return null;
        }
    }
}
