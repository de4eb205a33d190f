package dev.baton.handover;

import dev.baton.ffi.Fd;
import java.util.List;

/**
 * What a datapath is, apart from its ports and wires. The descriptors are borrowed while it is sent, and owned by
 * whoever received it.
 *
 * @param version the owner's version, for people
 * @param pid the owner's process, as it is numbered in {@code pidNamespace}
 * @param pidNamespace inode of the owner's PID namespace; 0: not known, as of schema versions before 6
 * @param cpus the CPU of each agent, -1 for one that is not pinned; its length is the number of agents
 * @param busy whether agents poll without ever sleeping
 * @param backendTransfer the global switch of the handover
 * @param baton the memory that both owners map: queue records, lane records, staging slots
 * @param counters the counters file
 * @param attachments further descriptors that go along, each under a name of its own
 */
public record DatapathState(String version, int pid, long pidNamespace, List<Integer> cpus, boolean busy,
    boolean backendTransfer, Fd baton, Fd counters, List<Attachment> attachments) {

    /** The lists are copied. */
    public DatapathState {
        cpus = List.copyOf(cpus);
        attachments = List.copyOf(attachments);
    }

    /** How many agents there are: one for each CPU, or one that may run on any. */
    public int agents() {
        return Math.max(1, cpus.size());
    }
}
