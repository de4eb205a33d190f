package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.handover.Edge;
import dev.baton.handover.Section;
import dev.baton.tap.TapDevice;
import dev.baton.vhostuser.ProtocolException;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The phases of a handover come in their order, and until the last of them nothing that both owners share is set. */
@Timeout(120)
class PhaseOrderTest {
    @AutoClose
    private HandoverWorld world;

    @BeforeEach
    void open() throws ProtocolException {
        world = new HandoverWorld();
    }

    @Test
    void bothOwnersPassTheirEdgesInOrder() {
        RecordedEdges outgoing = new RecordedEdges();
        RecordedEdges incoming = new RecordedEdges();
        world.handOver(HandoverWorld.OPTIONS.withFaults(outgoing), HandoverWorld.OPTIONS.withFaults(incoming));
        assertThat(outgoing.edges).containsExactly(Edge.OUTGOING_ASKED, Edge.OUTGOING_HELLO, Edge.OUTGOING_DATAPATH,
            Edge.OUTGOING_PORT, Edge.OUTGOING_PORT, Edge.OUTGOING_PORT, Edge.OUTGOING_PORT, Edge.OUTGOING_PORT,
            Edge.OUTGOING_PORT, Edge.OUTGOING_WIRES, Edge.OUTGOING_END, Edge.OUTGOING_PREPARED, Edge.OUTGOING_FROZEN,
            Edge.OUTGOING_CLAIM, Edge.OUTGOING_RELEASE, Edge.OUTGOING_RELEASED, Edge.OUTGOING_CONFIRMED,
            Edge.OUTGOING_LEAVE);
        assertThat(outgoing.sections).containsExactly(Section.HELLO, Section.DATAPATH, Section.FRONT_END,
            Section.FRONT_END, Section.FRONT_END, Section.FRONT_END, Section.BACK_END, Section.BACK_END,
            Section.WIRES, Section.END, Section.CLAIM, Section.SWITCHED);
        // Two back ends take their state before any of the four front ends is given its connection.
        assertThat(incoming.edges).containsExactly(Edge.INCOMING_ASK, Edge.INCOMING_HELLO, Edge.INCOMING_DESCRIPTION,
            Edge.INCOMING_PRE_INCOMING, Edge.INCOMING_PRE_LOAD, Edge.INCOMING_LOAD, Edge.INCOMING_PRE_LOAD,
            Edge.INCOMING_LOAD, Edge.INCOMING_POST_LOAD, Edge.INCOMING_MAP, Edge.INCOMING_MAP, Edge.INCOMING_MAP,
            Edge.INCOMING_MAP, Edge.INCOMING_BUILD, Edge.INCOMING_WARM, Edge.INCOMING_PREPARED,
            Edge.INCOMING_CLAIMING, Edge.INCOMING_CLAIMED, Edge.INCOMING_CONFIRM);
        assertThat(incoming.sections).containsExactly(Section.HELLO, Section.PREPARED, Section.CLAIMING,
            Section.CONFIRMED);
        world.finish();
    }

    /** Who takes over is told before the first lane can come, so that a signal from there on closes what is there. */
    @Test
    void theNewOwnerIsToldBeforeItTakesAnything() {
        RecordedEdges outgoing = new RecordedEdges();
        List<Edge> passed = new CopyOnWriteArrayList<>();
        ControlPlane told = new ControlPlane() {
            @Override
            public void taking() {
                passed.addAll(outgoing.edges);
            }
        };
        world.handOver(HandoverWorld.OPTIONS.withFaults(outgoing), HandoverWorld.OPTIONS.withControlPlane(told));
        assertThat(passed).contains(Edge.OUTGOING_CLAIM).doesNotContain(Edge.OUTGOING_RELEASE);
        world.finish();
    }

    /** No open, no TUNSETIFF, no other setting: the descriptors are those that came, the kernel says what it said. */
    @Test
    void nothingIsOpenedOrSetBeforeTheSwitch() {
        TapDevice old = Objects.requireNonNull(world.tapPort().deviceIfPresent());
        TapKernelState before = TapKernelState.of(old);
        long queues = OpenDescriptors.tapQueues();
        Map<Edge, Long> open = new ConcurrentHashMap<>();
        Map<Edge, TapKernelState> kernel = new ConcurrentHashMap<>();
        RecordedEdges incoming = new RecordedEdges(edge -> {
            if (edge.compareTo(Edge.INCOMING_CLAIMED) < 0) {
                open.put(edge, OpenDescriptors.tapQueues());
                kernel.put(edge, TapKernelState.of(old));
            }
        });
        world.handOver(HandoverWorld.OPTIONS, HandoverWorld.OPTIONS.withFaults(incoming));
        assertThat(kernel).hasSize(12).allSatisfy((edge, state) -> assertThat(state).isEqualTo(before));
        assertThat(world.tap()).as("after the switch").isEqualTo(before);
        for (Edge edge : EnumSet.range(Edge.INCOMING_PRE_INCOMING, Edge.INCOMING_CLAIMING)) {
            assertThat(open.get(edge)).as("queues at %s: the old owner's, and as many that came", edge)
                .isEqualTo(2 * queues);
        }
        world.finish();
    }

    /** While it prepares, the new owner owns no lane: every frame is the old owner's. */
    @Test
    void theNewOwnerRunsNothingBeforeItsStateIsComplete() {
        Datapath old = world.owner();
        RecordedEdges incoming = new RecordedEdges(edge -> {
            if (edge == Edge.INCOMING_PREPARED || edge == Edge.INCOMING_CLAIMING) {
                world.awaitProgress();
                assertThat(old.agents()).noneMatch(DatapathAgent::ownsNothing);
            }
        });
        world.handOver(HandoverWorld.OPTIONS, HandoverWorld.OPTIONS.withFaults(incoming));
        assertThat(incoming.edges).contains(Edge.INCOMING_PREPARED, Edge.INCOMING_CONFIRM);
        world.finish();
    }

    /** What changes while the new owner prepares is described to it once more. */
    @Test
    void aChangeOnTheWayIsDescribedAnew() {
        Halt halt = new Halt(Edge.INCOMING_PREPARED);
        RecordedEdges outgoing = new RecordedEdges();
        OwnerPair pair = OwnerPair.start(world.owner(), HandoverWorld.OPTIONS.withFaults(outgoing),
            HandoverWorld.OPTIONS.withFaults(halt));
        halt.awaitReached();
        world.owner().add(LoopbackPortConfig.named("late"));
        halt.release();
        pair.await();
        assertThat(world.taken(pair).report().carried().ports()).isEqualTo(HandoverWorld.ALL.ports() + 1);
        assertThat(List.copyOf(outgoing.sections)).filteredOn(Section.DATAPATH::equals).hasSize(2);
        assertThat(world.owner().port("late")).isNotNull();
        world.finish();
    }
}
