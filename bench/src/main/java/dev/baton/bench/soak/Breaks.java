package dev.baton.bench.soak;

import dev.baton.handover.Edge;
import dev.baton.handover.Fault;
import dev.baton.handover.Section;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.random.RandomGenerator;

/**
 * Takeovers that come to nothing: what goes wrong in them, in the words of {@code PlannedFaults}. All of it is before
 * the first owner word changes, so that the old owner goes on.
 */
final class Breaks {
    private static final List<Section> OF_OLD_OWNER = List.of(Section.DATAPATH, Section.FRONT_END, Section.BACK_END,
        Section.WIRES, Section.END, Section.CLAIM);
    private static final List<Section> OF_NEW_OWNER = List.of(Section.HELLO, Section.PREPARED, Section.CLAIMING);
    private static final List<Fault> OF_MESSAGES =
        List.of(Fault.TRUNCATE, Fault.CORRUPT, Fault.UNKNOWN_VERSION, Fault.SILENCE, Fault.CLOSE);
    private static final List<Fault> OF_PROCESSES = List.of(Fault.REFUSE, Fault.REFUSE, Fault.KILL, Fault.STOP);

    /** Where an old owner dies: at edges that it passes in a takeover, and not when it serves a standby. */
    private static final List<Edge> DEADLY = List.of(Edge.OUTGOING_ASKED, Edge.OUTGOING_HELLO, Edge.OUTGOING_PREPARED,
        Edge.OUTGOING_FROZEN, Edge.OUTGOING_CLAIM, Edge.OUTGOING_RELEASE, Edge.OUTGOING_RELEASED,
        Edge.OUTGOING_CONFIRMED, Edge.OUTGOING_LEAVE);

    private Breaks() {
    }

    /** An edge at which an old owner is to die. */
    static Edge deadly(RandomGenerator random) {
        return DEADLY.get(random.nextInt(DEADLY.size()));
    }

    /** A process dies there. */
    static String death(Edge edge) {
        return word(edge) + ":" + word(Fault.KILL);
    }

    static boolean isDeath(String plan) {
        return plan.endsWith(":" + word(Fault.KILL));
    }

    /** Whether the old one may die there before the new one has its answer from the control socket. */
    static boolean mayBeUnanswered(Edge edge) {
        return edge == Edge.OUTGOING_ASKED || edge == Edge.OUTGOING_HELLO;
    }

    /** Whether the new owner claims already when the old one dies there, and so goes on. */
    static boolean isTakenBy(Edge edge) {
        return edge.compareTo(Edge.OUTGOING_RELEASE) >= 0;
    }

    /** Something that a new owner does wrong: at an edge it may die or be stuck. */
    static String ofNewOwner(RandomGenerator random) {
        if (random.nextInt(3) == 0) {
            return section(OF_NEW_OWNER, random);
        }
        List<Edge> edges = edges("INCOMING", Edge.INCOMING_CLAIMED);
        return word(edges.get(random.nextInt(edges.size()))) + ":"
            + word(OF_PROCESSES.get(random.nextInt(OF_PROCESSES.size())));
    }

    /** Something that an old owner does wrong when it is asked for a takeover the first time. */
    static String ofOldOwner(RandomGenerator random) {
        if (random.nextInt(3) == 0) {
            return section(OF_OLD_OWNER, random);
        }
        List<Edge> edges = edges("OUTGOING", Edge.OUTGOING_RELEASED);
        return word(edges.get(random.nextInt(edges.size()))) + ":" + word(Fault.REFUSE);
    }

    private static String section(List<Section> sections, RandomGenerator random) {
        return sections.get(random.nextInt(sections.size())).label() + ":"
            + word(OF_MESSAGES.get(random.nextInt(OF_MESSAGES.size())));
    }

    /** The edges of one side up to this one, which is not among them. */
    private static List<Edge> edges(String side, Edge until) {
        List<Edge> edges = new ArrayList<>();
        for (Edge edge : Edge.values()) {
            if (edge.name().startsWith(side) && edge.compareTo(until) < 0) {
                edges.add(edge);
            }
        }
        return edges;
    }

    private static String word(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
