package dev.baton.datapath;

import dev.baton.ffi.Epoll;
import dev.baton.ffi.Errno;
import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.SocketFile;
import dev.baton.ffi.SyscallException;
import dev.baton.ffi.UnixSocket;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * How a vhost-user port gets its connections, one at a time: by listening, or by connecting again and again.
 * Paused while one is being served: a second front-end waits in the listener's backlog until the first has gone.
 */
final class VhostUserSocket implements AutoCloseable {
    private static final int MAX_PATH_BYTES = 107;
    private static final int MODE = 0660;
    private static final int BACKLOG = 4;

    private final VhostUserPortConfig config;
    private final Conductor conductor;
    private final Consumer<Fd> connected;
    private @Nullable Fd listener;
    private @Nullable SocketFile file;
    private long listenerToken;
    private boolean running;
    /** Whether the last attempt to accept a connection failed. */
    private boolean failing;

    VhostUserSocket(VhostUserPortConfig config, Conductor conductor, Consumer<Fd> connected) {
        this.config = config;
        this.conductor = conductor;
        this.connected = connected;
    }

    /** Takes over a socket that another owner listens on; nothing is accepted before {@link #resume}. */
    void adopt(@Nullable Fd listening) {
        listener = listening;
        file = SocketFile.at(config.socket());
    }

    /** The listening socket, still this object's; null for a client. */
    @Nullable Fd listener() {
        return listener;
    }

    void open() {
        Path path = config.socket();
        int length = path.toString().getBytes(StandardCharsets.UTF_8).length;
        if (length > MAX_PATH_BYTES) {
            throw refused("is " + length + " bytes long, a UNIX socket's path has at most " + MAX_PATH_BYTES);
        }
        Path directory = path.toAbsolutePath().getParent();
        if (directory == null || !Files.isDirectory(directory)) {
            throw refused("lies in no existing directory");
        }
        if (config.mode() == SocketMode.SERVER) {
            removeStale(path);
            try {
                Fd created = UnixSocket.listen(path, UnixSocket.STREAM, MODE, BACKLOG);
                FileIo.setNonBlocking(created, true);
                listener = created;
                file = SocketFile.at(path);
            } catch (SyscallException e) {
                throw refused("cannot be listened on: " + e.getMessage());
            }
        }
    }

    /** A socket file that nobody listens on is left over from a crash; anything else is somebody's. */
    private void removeStale(Path path) {
        if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        try {
            UnixSocket.connect(path, UnixSocket.STREAM, true).close();
        } catch (SyscallException e) {
            if (e.errno() != Errno.ECONNREFUSED || Files.isRegularFile(path)) {
                throw refused("exists and is no socket that can be taken over: " + e.getMessage());
            }
            try {
                Files.delete(path);
            } catch (IOException ioe) {
                throw refused("is left over and cannot be removed: " + ioe.getMessage());
            }
            return;
        }
        throw refused("is in use: another process listens on it");
    }

    private DatapathException refused(String why) {
        return new DatapathException("port " + config.name() + ": socket " + config.socket() + " " + why);
    }

    void resume() {
        running = true;
        listen();
    }

    private void listen() {
        Fd current = listener;
        if (current != null && listenerToken == 0) {
            listenerToken = conductor.watch(current, Epoll.IN, events -> accept(current));
        }
    }

    void pause() {
        running = false;
        rest();
    }

    private void rest() {
        Fd current = listener;
        if (current != null && listenerToken != 0) {
            conductor.unwatch(current, listenerToken);
            listenerToken = 0;
        }
    }

    private void accept(Fd from) {
        try {
            Fd accepted = UnixSocket.accept(from, true);
            if (accepted != null) {
                connected.accept(accepted);
                failing = false;
            }
        } catch (SyscallException e) {
            // Who waits there waits on, so there is nothing to be told of until the next tick.
            rest();
            if (!failing) {
                failing = true;
                System.getLogger(getClass().getPackageName())
                    .log(System.Logger.Level.WARNING, "{0}: {1}", config.name(), e.getMessage());
            }
        }
    }

    void tick() {
        if (running) {
            listen();
        }
        if (config.mode() == SocketMode.CLIENT && running) {
            try {
                Fd socket = UnixSocket.connect(config.socket(), UnixSocket.STREAM, true);
                connected.accept(socket);
            } catch (SyscallException e) {
                // Not there yet, or busy with another: the next tick tries again.
            }
        }
    }

    /** Closes the descriptor alone: another owner listens on the same socket. */
    void abandon() {
        pause();
        if (listener != null) {
            listener.close();
        }
    }

    @Override
    public void close() {
        pause();
        Fd current = listener;
        if (current != null) {
            listener = null;
            try {
                Objects.requireNonNull(file).remove();
            } catch (IOException e) {
                // Nothing that whoever ends a port could do about: the next one finds nobody listening there.
            }
            current.close();
        }
    }
}
