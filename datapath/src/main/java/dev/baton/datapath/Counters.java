package dev.baton.datapath;

import dev.baton.ffi.Fd;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.MemFd;
import dev.baton.ffi.Sched;
import java.util.ArrayList;
import java.util.List;
import org.agrona.concurrent.status.AtomicCounter;
import org.agrona.concurrent.status.CountersManager;
import org.jspecify.annotations.Nullable;

/** The counters that this datapath writes, in a memfd that others may map read-only. Conductor's thread only. */
final class Counters implements AutoCloseable {
    private static final String AGRONA_FLAG = "Agrona's buffers need the JVM option "
        + "--add-opens java.base/jdk.internal.misc=ALL-UNNAMED (on the module path: =org.agrona)";

    private final Opened opened = new Opened();
    private final Fd fd;
    private final Mapping mapping;
    private final CountersManager manager;
    private @Nullable FormerCounters former;

    /**
     * Counters.
     *
     * @param former of the owner that the datapath is to be taken from, which are closed with these; null: of none
     */
    Counters(String name, @Nullable FormerCounters former) {
        this.former = former;
        long length = CountersLayout.lengthBytes(CountersLayout.CAPACITY);
        try {
            fd = opened.add(MemFd.create(name + "-counters", length, MemFd.MFD_ALLOW_SEALING));
            MemFd.seal(fd, MemFd.F_SEAL_SHRINK | MemFd.F_SEAL_GROW | MemFd.F_SEAL_SEAL);
            mapping = opened.add(Mapping.shared(fd, 0, length));
            manager = manager(mapping);
        } catch (RuntimeException e) {
            opened.close();
            throw e;
        }
        CountersLayout.format(mapping);
    }

    private static CountersManager manager(Mapping mapping) {
        try {
            return new CountersManager(CountersLayout.metadata(mapping, CountersLayout.CAPACITY),
                CountersLayout.values(mapping, CountersLayout.CAPACITY));
        } catch (IllegalAccessError | ExceptionInInitializerError e) {
            throw new DatapathException(AGRONA_FLAG, e);
        }
    }

    Fd fd() {
        return fd;
    }

    /** Of the owner that the datapath is to be taken from; null: of none, or it is taken. */
    @Nullable FormerCounters former() {
        return former;
    }

    /** The datapath is taken, and nobody counts in the former owner's counters any more. */
    void forgetFormer() {
        if (former != null) {
            former.close();
            former = null;
        }
    }

    /** Tells how many threads touch rings and connections. */
    void owners(int count) {
        CountersLayout.owners(mapping, count);
    }

    /** Tells that the calling thread is one of them; each thread for itself. */
    void own(int index) {
        CountersLayout.owner(mapping, index, Sched.threadId());
    }

    /** Allocates counters, all or none. */
    List<AtomicCounter> allocate(List<String> labels) {
        if (manager.available() < labels.size()) {
            throw new DatapathException("no room for " + labels.size() + " more counters: all "
                + CountersLayout.CAPACITY + " are in use");
        }
        List<AtomicCounter> counters = new ArrayList<>(labels.size());
        for (String label : labels) {
            AtomicCounter counter = manager.newCounter(label);
            // Its page comes now and not with the first frame.
            counter.set(0);
            counters.add(counter);
        }
        return counters;
    }

    @Override
    public void close() {
        forgetFormer();
        opened.close();
    }
}
