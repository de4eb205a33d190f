package dev.baton.handover;

import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;

/**
 * Faults from a text: {@code PLACE:FAULT}, several with commas between them. A place is an {@link Edge}, or a
 * {@link Section} that is sent; names are taken in any case and with '-' for '_', as in
 * {@code "outgoing-claim:kill,front-end:truncate"}. Each fault happens once. A fault of a message that is planned for
 * an edge hits the next section that is sent after it.
 */
public final class PlannedFaults implements HandoverFaults {
    /** How such a text looks, for errors. */
    public static final String SYNTAX = "PLACE:FAULT[,PLACE:FAULT...]";

    private static final int STATUS_KILLED = 137;

    private final Map<Enum<?>, Fault> plan = new ConcurrentHashMap<>();
    private final AtomicReference<Fault> armed = new AtomicReference<>(Fault.NONE);

    private PlannedFaults() {
    }

    /**
     * The faults of a text.
     *
     * @throws IllegalArgumentException if it names a place or a fault that does not exist
     */
    public static HandoverFaults parse(String text) {
        if (text.isBlank()) {
            return NONE;
        }
        PlannedFaults faults = new PlannedFaults();
        for (String item : text.split(",", -1)) {
            String[] parts = item.split(":", -1);
            if (parts.length != 2) {
                throw new IllegalArgumentException("fault \"" + item + "\": expected " + SYNTAX);
            }
            faults.plan(place(parts[0]), constant(Fault.class, parts[1]));
        }
        return faults;
    }

    /** One fault at an edge. */
    public static HandoverFaults at(Edge edge, Fault fault) {
        PlannedFaults faults = new PlannedFaults();
        faults.plan(edge, fault);
        return faults;
    }

    /** One fault of a section. */
    public static HandoverFaults on(Section section, Fault fault) {
        PlannedFaults faults = new PlannedFaults();
        faults.plan(section, fault);
        return faults;
    }

    @Override
    public void at(Edge edge) throws HandoverException {
        Fault fault = due(edge);
        if (fault.ofMessage()) {
            armed.set(fault);
        } else {
            happen(fault, edge.name());
        }
    }

    @Override
    public Fault onSend(Section section) {
        Fault fault = due(section);
        return fault == Fault.NONE ? armed.getAndSet(Fault.NONE) : fault;
    }

    /** A fault of the process or the step, not of a message. */
    static void happen(Fault fault, String place) throws HandoverException {
        switch (fault) {
            case REFUSE -> throw new HandoverException(place.toLowerCase(Locale.ROOT).replace('_', '-'),
                HandoverError.INJECTED, "refused by a planned fault");
            case STOP -> {
                while (!Thread.currentThread().isInterrupted()) {
                    LockSupport.park();
                }
            }
            case KILL -> Runtime.getRuntime().halt(STATUS_KILLED);
            default -> { }
        }
    }

    private void plan(Enum<?> place, Fault fault) {
        plan.put(place, fault);
    }

    private Fault due(Enum<?> place) {
        Fault fault = plan.remove(place);
        return fault == null ? Fault.NONE : fault;
    }

    private static Enum<?> place(String name) {
        for (Section section : Section.values()) {
            if (section.label().equalsIgnoreCase(name.replace('_', '-'))) {
                return section;
            }
        }
        return constant(Edge.class, name);
    }

    private static <E extends Enum<E>> E constant(Class<E> type, String name) {
        for (E constant : type.getEnumConstants()) {
            if (constant.name().equalsIgnoreCase(name.strip().replace('-', '_'))) {
                return constant;
            }
        }
        throw new IllegalArgumentException("fault: \"" + name + "\" is no " + type.getSimpleName()
            .toLowerCase(Locale.ROOT) + "; expected " + SYNTAX);
    }
}
