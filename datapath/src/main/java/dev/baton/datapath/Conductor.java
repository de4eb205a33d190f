package dev.baton.datapath;

import dev.baton.ffi.Epoll;
import dev.baton.ffi.EventFd;
import dev.baton.ffi.Fd;
import dev.baton.ffi.Sched;
import java.util.Queue;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.agrona.collections.Long2ObjectHashMap;
import org.agrona.concurrent.Agent;
import org.jctools.queues.varhandle.MpscVarHandleArrayQueue;
import org.jspecify.annotations.Nullable;

/**
 * The owner of everything that is not a frame: ports, wires, vhost-user connections. All of that is touched by its
 * thread alone; the embedder's calls and the agents' reports come to it as tasks.
 */
final class Conductor implements Agent {
    private static final String NAME = "baton-conductor";
    private static final int TASKS = 1024;
    private static final int TICK_MS = 100;
    private static final long WAKE_TOKEN = 0;

    private final Opened opened = new Opened();
    private final Epoll epoll;
    private final EventFd wake;
    private final Queue<Runnable> tasks = new MpscVarHandleArrayQueue<>(TASKS);
    private final Long2ObjectHashMap<Handler> handlers = new Long2ObjectHashMap<>();
    private final SignalGuard guard = new SignalGuard();
    private final Standbys standbys;
    private final Runnable tick;
    private long nextToken = WAKE_TOKEN + 1;
    private volatile @Nullable Thread thread;
    private volatile boolean closed;

    /** What happens when a watched descriptor is ready. */
    interface Handler {
        void ready(int events);
    }

    /** Creates a conductor that runs {@code tick} about ten times a second. */
    Conductor(Runnable tick, Standbys standbys) {
        this.tick = tick;
        this.standbys = standbys;
        try {
            wake = opened.add(EventFd.create());
            epoll = opened.add(Epoll.create());
            epoll.add(wake.fd(), Epoll.IN, WAKE_TOKEN);
        } catch (RuntimeException e) {
            opened.close();
            throw e;
        }
    }

    /** Runs the task on the conductor's thread and returns its result, or throws what it threw. */
    <T> T call(Callable<T> task) {
        if (Thread.currentThread() == thread) {
            return callNow(task);
        }
        CompletableFuture<T> result = new CompletableFuture<>();
        post(() -> {
            try {
                result.complete(task.call());
            } catch (Exception | Error e) {
                result.completeExceptionally(e);
            }
        });
        try {
            return result.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw e;
        }
    }

    /** {@link #call} for what has no result. */
    void run(Runnable task) {
        call(() -> {
            task.run();
            return this;
        });
    }

    private static <T> T callNow(Callable<T> task) {
        try {
            return task.call();
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new DatapathException(String.valueOf(e.getMessage()), e);
        }
    }

    /** Leaves a task for the conductor's thread; any thread, does not wait. */
    void post(Runnable task) {
        if (closed || !tasks.offer(task)) {
            throw new DatapathException(closed ? "the datapath is closed" : "the conductor is overloaded");
        }
        wake.signal();
    }

    /** Watches a descriptor, level-triggered; returns the token that ends it. */
    long watch(Fd fd, int events, Handler handler) {
        long token = nextToken++;
        epoll.add(fd, events, token);
        handlers.put(token, handler);
        return token;
    }

    void unwatch(Fd fd, long token) {
        if (handlers.remove(token) != null) {
            epoll.remove(fd);
        }
    }

    @Override
    public void onStart() {
        thread = Thread.currentThread();
        Sched.threadName(NAME);
        guard.start();
    }

    /** Who looks after what is signalled to front-ends. */
    SignalGuard guard() {
        return guard;
    }

    /** Who is told of changes, to go on if this process dies. */
    Standbys standbys() {
        return standbys;
    }

    @Override
    public int doWork() {
        int ready = epoll.await(TICK_MS);
        for (int i = 0; i < ready; i++) {
            long token = epoll.data(i);
            if (token == WAKE_TOKEN) {
                wake.drain();
                continue;
            }
            // Gone when a handler before it in this round removed it.
            Handler handler = handlers.get(token);
            if (handler != null) {
                handler.ready(epoll.events(i));
            }
        }
        for (Runnable task = tasks.poll(); task != null; task = tasks.poll()) {
            task.run();
        }
        tick.run();
        return ready;
    }

    /** Ends the wait in {@link #doWork()}, so that the thread sees that it shall close. */
    void shutdown() {
        closed = true;
        wake.signal();
    }

    @Override
    public void onClose() {
        for (Runnable task = tasks.poll(); task != null; task = tasks.poll()) {
            task.run();
        }
        guard.close();
        opened.close();
    }

    @Override
    public String roleName() {
        return NAME;
    }
}
