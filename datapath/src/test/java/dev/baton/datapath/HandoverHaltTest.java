package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.handover.Edge;
import dev.baton.handover.HandoverError;
import dev.baton.handover.HandoverException;
import dev.baton.vhostuser.ProtocolException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A side falls silent at an edge and wakes up later, as a process that was stopped does: the other side waits no longer
 * than it was told, and the one that wakes up does nothing any more.
 */
@Timeout(180)
class HandoverHaltTest {
    private static final HandoverOptions PATIENT = HandoverWorld.OPTIONS.withTimeoutMs(1_000);
    private static final HandoverOptions IMPATIENT = HandoverWorld.OPTIONS.withTimeoutMs(250);

    @AutoClose
    private HandoverWorld world;

    @BeforeEach
    void open() throws ProtocolException {
        world = new HandoverWorld();
    }

    @ParameterizedTest
    @EnumSource(names = {"OUTGOING_HELLO", "OUTGOING_PORT", "OUTGOING_PREPARED", "OUTGOING_CLAIM", "OUTGOING_RELEASE"})
    void anOldOwnerThatFallsSilent(Edge edge) {
        Halt halt = new Halt(edge);
        Map<String, Long> descriptors = OpenDescriptors.byKind();
        OwnerPair pair = OwnerPair.start(world.owner(), PATIENT.withFaults(halt), IMPATIENT);
        assertTimeout(OwnerPair.failure(pair.incoming()));
        halt.release();
        OwnerPair.failure(pair.outgoing());
        goesOn(descriptors);
    }

    @ParameterizedTest
    @EnumSource(names = {"INCOMING_HELLO", "INCOMING_DESCRIPTION", "INCOMING_LOAD", "INCOMING_MAP", "INCOMING_PREPARED",
        "INCOMING_CLAIMING"})
    void aNewOwnerThatFallsSilent(Edge edge) {
        Halt halt = new Halt(edge);
        Map<String, Long> descriptors = OpenDescriptors.byKind();
        OwnerPair pair = OwnerPair.start(world.owner(), IMPATIENT, PATIENT.withFaults(halt));
        assertTimeout(OwnerPair.failure(pair.outgoing()));
        world.awaitProgress();
        halt.release();
        OwnerPair.failure(pair.incoming());
        goesOn(descriptors);
    }

    private static void assertTimeout(HandoverException failure) {
        assertThat(failure.kind()).as("%s", failure).isEqualTo(HandoverError.TIMEOUT);
    }

    private void goesOn(Map<String, Long> descriptors) {
        assertThat(OpenDescriptors.byKind()).isEqualTo(descriptors);
        world.awaitProgress();
        world.handOver(HandoverWorld.OPTIONS, HandoverWorld.OPTIONS);
        world.awaitProgress();
        world.finish();
    }

    /** Its agents still look at the owner words: what they wait for never comes, whoever has the lanes meanwhile. */
    @Test
    void aStuckClaimantDoesNotTakeWhatIsLetGoForAnother() {
        Halt halt = new Halt(Edge.INCOMING_CLAIMING);
        OwnerPair stuck = OwnerPair.start(world.owner(), HandoverWorld.OPTIONS.withTimeoutMs(2_000),
            HandoverWorld.OPTIONS.withFaults(halt));
        halt.awaitReached();
        OwnerPair.failure(stuck.outgoing());
        for (int i = 0; i < 3; i++) {
            Takeover takeover = world.handOver(HandoverWorld.OPTIONS, HandoverWorld.OPTIONS);
            assertThat(takeover.report().recovered()).isZero();
            world.awaitProgress();
        }
        halt.release();
        HandoverException late = OwnerPair.failure(stuck.incoming());
        assertThat(List.of(HandoverError.REFUSED, HandoverError.PEER_GONE)).contains(late.kind());
        world.awaitProgress();
        world.finish();
    }
}
