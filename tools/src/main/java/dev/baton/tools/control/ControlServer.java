package dev.baton.tools.control;

import dev.baton.ffi.Epoll;
import dev.baton.ffi.EventFd;
import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.SocketFile;
import dev.baton.ffi.UnixSocket;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
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
 *
 * <p>The socket can change its owner with the datapath that it is about. {@link #pause} lets the answer of this moment
 * be given and no other; {@link #abandon} leaves the listening socket and its file to the next owner, which
 * {@link #adopt}s it. Whoever connects in between waits in the socket's backlog and never notices.
 */
public final class ControlServer implements AutoCloseable {
    /** Connections at a time. */
    static final int MAX_CLIENTS = 64;

    private static final int BACKLOG = 16;
    private static final long LISTENER = -1;
    private static final long WAKE_UP = -2;

    private final SocketFile file;
    private final Fd listener;
    private final Epoll epoll = Epoll.create(MAX_CLIENTS + 2);
    private final EventFd wakeUp = EventFd.create();
    private final int uid;
    private final Thread thread;
    /** By number, the one silent for longest first. */
    private final Map<Long, Fd> clients = new LinkedHashMap<>();
    private long lastClient;
    /** Held while clients are served, and by whoever wants none served. */
    private final ReentrantLock serving = new ReentrantLock();
    private @Nullable ControlProtocol protocol;
    private volatile boolean closing;

    private ControlServer(Path path, Fd listener, int uid) {
        this.file = SocketFile.at(path);
        this.listener = listener;
        this.uid = uid;
        this.thread = Thread.ofPlatform().daemon().name("baton-control").unstarted(this::run);
    }

    /**
     * Listens on a path that is free; see {@link ControlClient#isServed(Path)} and {@link UnixSocket#removeStale}.
     *
     * @param path the socket's file
     * @return a server that does not answer yet
     */
    public static ControlServer listen(Path path) {
        return listen(path, ownUid());
    }

    private static ControlServer listen(Path path, int uid) {
        Fd listener = UnixSocket.listen(path, UnixSocket.SEQPACKET, 0600, BACKLOG);
        FileIo.setNonBlocking(listener, true);
        return new ControlServer(path, listener, uid);
    }

    /**
     * Goes on with the socket of another owner, who has gone.
     *
     * @param path     the socket's file
     * @param listener the listening socket, the server's from now on
     * @return a server that does not answer yet
     */
    public static ControlServer adopt(Path path, Fd listener) {
        return new ControlServer(path, listener, ownUid());
    }

    static ControlServer start(Path path, List<ControlCommand> commands) {
        return listen(path).serve(commands);
    }

    static ControlServer start(Path path, List<ControlCommand> commands, int uid) {
        return listen(path, uid).serve(commands);
    }

    /**
     * Answers from now on.
     *
     * @param commands what can be asked for, besides {@code help}
     * @return this server
     */
    public ControlServer serve(List<ControlCommand> commands) {
        protocol = new ControlProtocol(commands);
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
        return file.path();
    }

    /**
     * The listening socket.
     *
     * @return stays the server's
     */
    public Fd listener() {
        return listener;
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

    private void run() {
        while (!closing) {
            int ready = epoll.await(-1);
            serving.lock();
            try {
                if (!closing) {
                    round(ready);
                }
            } finally {
                serving.unlock();
            }
        }
    }

    private void round(int ready) {
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

    /** One request of one client. */
    private void turn(long who) {
        Fd client = clients.remove(who);
        if (client == null) {
            return;
        }
        if (serve(client)) {
            clients.put(who, client);
        } else {
            client.close();
        }
    }

    private boolean serve(Fd client) {
        try {
            return Objects.requireNonNull(protocol).serve(client);
        } catch (RuntimeException e) {
            // No descriptor for a long reply, for instance: who asked pays, and may ask again.
            System.getLogger(ControlServer.class.getPackageName())
                .log(System.Logger.Level.WARNING, "a control client was not answered: " + e.getMessage());
            return false;
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
            Objects.requireNonNull(protocol).refuse(client,
                    "user " + caller + " may not talk to this Baton, which runs as user " + uid);
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

    /** Answers nobody from now on; returns when the answer of this moment has been given. */
    public void pause() {
        serving.lock();
    }

    /** Goes on after {@link #pause}; the same thread calls it. */
    public void resume() {
        if (serving.isHeldByCurrentThread()) {
            serving.unlock();
        }
    }

    /** Leaves the socket and its file to its next owner. Clients that had no answer ask again, and ask that one. */
    public synchronized void abandon() {
        if (stop()) {
            release();
        }
    }

    /** Disconnects all clients, stops listening and removes the socket's file, if that is still this server's. */
    @Override
    public synchronized void close() {
        if (stop()) {
            // While the socket is open its file's inode is nobody else's.
            removeFile();
            release();
        }
    }

    /** False when it had stopped before. */
    private boolean stop() {
        if (closing) {
            return false;
        }
        closing = true;
        resume();
        wakeUp.signal();
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return true;
    }

    private void release() {
        clients.values().forEach(Fd::close);
        listener.close();
        epoll.close();
        wakeUp.close();
        if (protocol != null) {
            protocol.close();
        }
    }

    private void removeFile() {
        try {
            file.remove();
        } catch (IOException e) {
            System.getLogger(ControlServer.class.getPackageName())
                    .log(System.Logger.Level.WARNING, "cannot remove " + path() + ": " + e.getMessage());
        }
    }
}
