package dev.baton.datapath;

import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.MemFd;
import dev.baton.ffi.SyscallException;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import org.agrona.concurrent.status.AtomicCounter;
import org.agrona.concurrent.status.CountersReader;
import org.jspecify.annotations.Nullable;

/**
 * The counters of the owner that a datapath is taken from, by label.
 *
 * <p>Theory of operation. Until all lanes are taken, whoever has a lane counts in these: the old owner before it lets
 * the lane go, the new one afterwards. So they tell what became of each frame whoever goes on in the end - the old
 * owner with the lanes that it has taken back, or a standby that has heard of the old owner alone - and a new owner
 * that dies takes no number with it. Once it has all lanes it adds them to its own and counts there.
 *
 * <p>Memory that somebody could cut short under the agents is read only; an older Baton's is of this kind. A new owner
 * counts in its own then, and what it counted is lost with it.
 */
final class FormerCounters implements AutoCloseable {
    private final Mapping mapping;
    private final CountersReader reader;
    private final boolean shared;
    private final Map<String, Integer> ids = new HashMap<>();

    private FormerCounters(Mapping mapping, boolean shared) {
        this.mapping = mapping;
        this.shared = shared;
        reader = CountersLayout.reader(mapping);
        reader.forEach((value, id, label) -> ids.put(label, id));
        if (shared && !ids.isEmpty()) {
            // No page fault may come between two owners.
            CountersLayout.populate(mapping, 1 + Collections.max(ids.values()));
        }
    }

    /**
     * Maps them.
     *
     * @param file stays the caller's, and may be closed afterwards
     * @throws DatapathException when it is no counters memory, or cannot be mapped
     */
    static FormerCounters open(Fd file) {
        boolean shared = MemFd.isSealed(file, MemFd.F_SEAL_SHRINK);
        Mapping mapping = null;
        try {
            long length = FileIo.size(file);
            mapping = shared ? Mapping.shared(file, 0, length) : Mapping.sharedReadOnly(file, 0, length);
            return new FormerCounters(mapping, shared);
        } catch (DatapathException | SyscallException e) {
            if (mapping != null) {
                mapping.close();
            }
            throw new DatapathException("its counters: " + e.getMessage(), e);
        }
    }

    /** To count in; null when there is none of this label, or it is only to be read. */
    @Nullable AtomicCounter counter(String label) {
        Integer id = shared ? ids.get(label) : null;
        return id == null ? null : new AtomicCounter(reader.valuesBuffer(), id);
    }

    /** What is counted under this label, 0 if nothing is. */
    long value(String label) {
        Integer id = ids.get(label);
        return id == null ? 0 : reader.getCounterValue(id);
    }

    @Override
    public void close() {
        mapping.close();
    }
}
