package dev.baton.tools.control;

import dev.baton.ffi.Epoll;
import dev.baton.ffi.EventFd;
import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.UnixSocket;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The control socket of a running Baton.
 *
 * <p>Theory of operation. The socket is of type SOCK_SEQPACKET (unix(7)): a request is one message, one line of text
 * in UTF-8, and its reply is one message, one JSON document. The file has mode 0600, and the kernel's word on who
 * connected (SO_PEERCRED) must name the user that Baton runs as. One thread serves all clients, and never waits for
 * one of them: whoever has a request waiting gets one answer per round, a client that does not fetch its answers is
 * disconnected when the kernel's buffer for them is full, and where there are too many clients, the one that was
 * silent for longest has to go. Nothing here runs on an agent's thread.
 */
public final class ControlServer implements AutoCloseable {
    /** Connections at a time. */
    static final int MAX_CLIENTS = 64;

    private static final long LISTENER = -1;
    private static final long WAKE_UP = -2;

    private final Path path;
    private final @Nullable Object fileKey;
    private final Fd listener;
    private final Epoll epoll = Epoll.create(MAX_CLIENTS + 2);
    private final EventFd wakeUp = EventFd.create();
    private final ControlProtocol protocol;
    private final int uid;
    private final Thread thread;
    /** By number, the one silent for longest first. */
    private final Map<Long, Fd> clients = new LinkedHashMap<>();
    private long lastClient;
    private volatile boolean closing;

    private ControlServer(Path path, Fd listener, List<ControlCommand> commands, int uid) {
        this.path = path;
        this.fileKey = fileKey(path);
        this.listener = listener;
        this.protocol = new ControlProtocol(commands);
        this.uid = uid;
        this.thread = Thread.ofPlatform().daemon().name("baton-control").unstarted(this::serve);
    }

    /**
     * Listens on a path that is free; see {@link ControlClient#isServed(Path)} and {@link UnixSocket#removeStale}.
     *
     * @param path     the socket's file
     * @param commands what can be asked for, besides {@code help}
     * @return the running server
     */
    public static ControlServer start(Path path, List<ControlCommand> commands) {
        return start(path, commands, ownUid());
    }

    static ControlServer start(Path path, List<ControlCommand> commands, int uid) {
        Fd listener = UnixSocket.listen(path, UnixSocket.SEQPACKET, 0600, 16);
        FileIo.setNonBlocking(listener, true);
        return new ControlServer(path, listener, commands, uid).started();
    }

    /**
     * Goes on with a socket that another process listens on, or did: whoever connected meanwhile is served.
     *
     * @param path     the socket's file
     * @param listener the listening socket, which does not wait; the server's from now on
     * @param commands what can be asked for, besides {@code help}
     * @return the running server
     */
    public static ControlServer adopt(Path path, Fd listener, List<ControlCommand> commands) {
        return new ControlServer(path, listener, commands, ownUid()).started();
    }

    private ControlServer started() {
        epoll.add(listener, Epoll.IN, LISTENER);
        epoll.add(wakeUp.fd(), Epoll.IN, WAKE_UP);
        thread.start();
        return this;
    }

    /**
     * The socket's file.
     *
     * @return its path
     */
    public Path path() {
        return path;
    }

    /**
     * The listening socket.
     *
     * @return still the server's
     */
    public Fd listener() {
        return listener;
    }

    /** Lets those who connect from now on wait, for this server or the next one. */
    public void pause() {
        epoll.remove(listener);
    }

    /** Serves those who waited. */
    public void resume() {
        epoll.add(listener, Epoll.IN, LISTENER);
    }

    /** The effective user of this process, as its peers will see it. */
    static int ownUid() {
        Fd[] pair = UnixSocket.pair(UnixSocket.SEQPACKET);
        try {
            return UnixSocket.peerCredentials(pair[0]).uid();
        } finally {
            pair[0].close();
            pair[1].close();
        }
    }

    private void serve() {
        while (!closing) {
            int ready = epoll.await(-1);
            List<Long> speaking = new ArrayList<>();
            boolean knocking = false;
            for (int i = 0; i < ready; i++) {
                long who = epoll.data(i);
                if (who == LISTENER) {
                    knocking = true;
                } else if (who != WAKE_UP) {
                    speaking.add(who);
                }
            }
            // Clients first: a new one may take the place of one that waits here.
            speaking.forEach(this::turn);
            if (knocking) {
                admit();
            }
        }
    }

    /** One request of one client. */
    private void turn(long who) {
        Fd client = clients.remove(who);
        if (client == null) {
            return;
        }
        if (protocol.serve(client)) {
            clients.put(who, client);
        } else {
            client.close();
        }
    }

    private void admit() {
        Fd client;
        try {
            client = UnixSocket.accept(listener, true);
        } catch (RuntimeException e) {
            // Out of descriptors, most likely: give one back, and the newcomer will be let in the next time.
            dropSilent();
            return;
        }
        if (client == null) {
            return;
        }
        int caller = UnixSocket.peerCredentials(client).uid();
        if (caller != uid) {
            protocol.refuse(client, "user " + caller + " may not talk to this Baton, which runs as user " + uid);
            client.close();
            return;
        }
        if (clients.size() == MAX_CLIENTS) {
            dropSilent();
        }
        long who = lastClient++;
        clients.put(who, client);
        epoll.add(client, Epoll.IN, who);
    }

    private void dropSilent() {
        var oldest = clients.entrySet().iterator();
        if (oldest.hasNext()) {
            oldest.next().getValue().close();
            oldest.remove();
        }
    }

    /** Disconnects all clients, stops listening and removes the socket's file, if that is still this server's. */
    @Override
    public void close() {
        if (!closing) {
            stop();
            removeFile();
        }
    }

    /** Disconnects all clients and closes the listening socket here: another process goes on with it. */
    public void abandon() {
        if (!closing) {
            stop();
        }
    }

    private void stop() {
        closing = true;
        wakeUp.signal();
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        clients.values().forEach(Fd::close);
        listener.close();
        epoll.close();
        wakeUp.close();
        protocol.close();
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void removeFile() {
        try {
            if (fileKey != null && fileKey.equals(fileKey(path))) {
                Files.deleteIfExists(path);
            }
        } catch (IOException e) {
            System.getLogger(ControlServer.class.getPackageName())
                    .log(System.Logger.Level.WARNING, "cannot remove " + path + ": " + e.getMessage());
        }
    }

    private static @Nullable Object fileKey(Path path) {
        try {
            return Files.getAttribute(path, "unix:ino");
        } catch (IOException e) {
            return null;
        }
    }
}
