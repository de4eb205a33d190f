package dev.baton.datapath;

import dev.baton.handover.Edge;
import dev.baton.handover.Fault;
import dev.baton.handover.HandoverFaults;
import dev.baton.handover.Section;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;

/** Makes nothing go wrong: writes down the edges that are passed and the sections that are sent, in order. */
final class RecordedEdges implements HandoverFaults {
    final List<Edge> edges = new CopyOnWriteArrayList<>();
    final List<Section> sections = new CopyOnWriteArrayList<>();
    private final Consumer<Edge> look;

    RecordedEdges() {
        this(edge -> { });
    }

    /** With a look around at each edge. */
    RecordedEdges(Consumer<Edge> look) {
        this.look = look;
    }

    @Override
    public void at(Edge edge) {
        edges.add(edge);
        look.accept(edge);
    }

    @Override
    public Fault onSend(Section section) {
        sections.add(section);
        return Fault.NONE;
    }
}
