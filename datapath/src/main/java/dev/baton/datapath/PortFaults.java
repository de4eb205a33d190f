package dev.baton.datapath;

import dev.baton.vhostuser.ErrorKind;
import dev.baton.virtqueue.VirtqueueFault;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.agrona.concurrent.status.AtomicCounter;

/** Counts what a port's far side did wrong, by reason. Conductor's thread only. */
final class PortFaults {
    private final Map<String, AtomicCounter> counters = new HashMap<>();

    PortFaults(String port, Counters allCounters) {
        List<String> reasons = Stream.concat(Stream.of(VirtqueueFault.values()).map(VirtqueueFault::reason),
            Stream.of(ErrorKind.values()).map(ErrorKind::reason)).distinct().toList();
        String prefix = PortLabel.prefix(port, 0) + PortLabel.FAULTS;
        List<AtomicCounter> allocated = allCounters.allocate(reasons.stream().map(prefix::concat).toList());
        for (int i = 0; i < reasons.size(); i++) {
            counters.put(reasons.get(i), allocated.get(i));
        }
    }

    void count(VirtqueueFault fault) {
        count(fault.reason());
    }

    void count(ErrorKind kind) {
        count(kind.reason());
    }

    private void count(String reason) {
        Objects.requireNonNull(counters.get(reason)).getAndAddRelease(1);
    }

    /** Adds what a former owner had counted. */
    void carry(FormerCounters former) {
        counters.values().forEach(counter -> counter.getAndAddRelease(former.value(counter.label())));
    }

    void free() {
        counters.values().forEach(AtomicCounter::close);
    }
}
