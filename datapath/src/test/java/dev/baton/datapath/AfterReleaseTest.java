package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.baton.handover.Edge;
import dev.baton.handover.Fault;
import dev.baton.handover.HandoverFaults;
import dev.baton.handover.PlannedFaults;
import dev.baton.handover.Section;
import dev.baton.vhostuser.ProtocolException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Once every owner word has changed nothing that is said, or not said, changes it back. */
@Timeout(180)
class AfterReleaseTest {
    private static final HandoverOptions OPTIONS = HandoverWorld.OPTIONS;
    private static final HandoverOptions IMPATIENT = OPTIONS.withTimeoutMs(3_000);

    @AutoClose
    private HandoverWorld world;

    @BeforeEach
    void open() throws ProtocolException {
        world = new HandoverWorld();
    }

    @ParameterizedTest
    @EnumSource(names = {"OUTGOING_RELEASED", "OUTGOING_CONFIRMED", "OUTGOING_LEAVE", "INCOMING_CONFIRM"})
    void anEdgeThatFails(Edge edge) {
        changesOwnerAllTheSame(edge.name().startsWith("OUTGOING"), OPTIONS, PlannedFaults.at(edge, Fault.REFUSE));
    }

    @ParameterizedTest
    @CsvSource({"SWITCHED,CORRUPT", "SWITCHED,SILENCE", "SWITCHED,CLOSE", "SWITCHED,TRUNCATE", "CONFIRMED,REPLAY",
        "CONFIRMED,SILENCE", "CONFIRMED,CLOSE"})
    void aSectionThatSuffers(Section section, Fault fault) {
        changesOwnerAllTheSame(section == Section.SWITCHED, fault == Fault.SILENCE ? IMPATIENT : OPTIONS,
            PlannedFaults.on(section, fault));
    }

    private void changesOwnerAllTheSame(boolean outgoing, HandoverOptions options, HandoverFaults faults) {
        Datapath old = world.owner();
        TapKernelState kernel = world.tap();
        Map<String, Long> descriptors = OpenDescriptors.byKind();
        OwnerPair pair = OwnerPair.start(old, outgoing ? options.withFaults(faults) : options,
            outgoing ? options : options.withFaults(faults));
        pair.await();
        assertThat(pair.outgoing()).as("nothing that the old owner could do any more").isCompleted();
        assertThat(world.taken(pair).report().recovered()).isZero();
        isOver(old);
        assertThat(OpenDescriptors.byKind()).isEqualTo(descriptors);
        assertThat(world.tap()).isEqualTo(kernel);
        world.awaitProgress();
        world.handOver(OPTIONS, OPTIONS);
        world.awaitProgress();
        world.finish();
    }

    /** Nothing is left of it that could touch a ring or a descriptor: no thread, no lane, no open descriptor. */
    private static void isOver(Datapath old) {
        assertThatThrownBy(old::ports).isInstanceOf(DatapathException.class);
        assertThat(old.agents()).allMatch(DatapathAgent::ownsNothing);
    }

    /** A source that is kept alive reads not one frame: all of them reach the guest, by the new owner. */
    @Test
    void theOldOwnerThatIsKeptAliveTouchesNothing() {
        Halt halt = new Halt(Edge.OUTGOING_RELEASED);
        Datapath old = world.owner();
        OwnerPair pair = OwnerPair.start(old, HandoverWorld.OPTIONS.withFaults(halt), HandoverWorld.OPTIONS);
        halt.awaitReached();
        assertThat(old.agents()).allMatch(DatapathAgent::ownsNothing);
        List<Long> then = moved(old);
        for (int i = 0; i < 5; i++) {
            world.awaitProgress();
        }
        assertThat(moved(old)).as("frames that the old owner's agents moved").isEqualTo(then);
        halt.release();
        pair.await();
        world.taken(pair);
        world.awaitProgress();
        world.finish();
    }

    private static List<Long> moved(Datapath datapath) {
        return datapath.counters().agents().stream().map(AgentStats::frames).toList();
    }
}
