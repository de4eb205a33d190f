package dev.baton.tools.clients;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** What is still to be undone when this JVM ends in the middle of a test. */
final class Undo {
    private static final Set<Runnable> PENDING = Collections.synchronizedSet(new LinkedHashSet<>());

    static {
        Runtime.getRuntime().addShutdownHook(new Thread(Undo::all, "undo"));
    }

    private Undo() {
    }

    static void register(Runnable undo) {
        PENDING.add(undo);
    }

    static void done(Runnable undo) {
        PENDING.remove(undo);
    }

    private static void all() {
        List<Runnable> pending;
        synchronized (PENDING) {
            pending = new ArrayList<>(PENDING);
        }
        Collections.reverse(pending);
        pending.forEach(Runnable::run);
    }
}
