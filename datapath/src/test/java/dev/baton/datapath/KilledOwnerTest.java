package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.baton.handover.Edge;
import dev.baton.handover.HandoverError;
import dev.baton.handover.HandoverException;
import dev.baton.vhostuser.ProtocolException;
import dev.baton.virtqueue.Features;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** One of the two owners is a process of its own, and is gone at an edge without a last word. */
@Timeout(180)
class KilledOwnerTest {
    private static final long TIMEOUT_MS = 3_000;

    /** Before the first owner word has changed, to the old owner a dead new one is as one that refuses. */
    @ParameterizedTest
    @EnumSource(names = {"INCOMING_HELLO", "INCOMING_DESCRIPTION", "INCOMING_PRE_INCOMING", "INCOMING_PRE_LOAD",
        "INCOMING_LOAD", "INCOMING_POST_LOAD", "INCOMING_MAP", "INCOMING_BUILD", "INCOMING_WARM", "INCOMING_PREPARED",
        "INCOMING_CLAIMING"})
    void theOldOwnerGoesOnWhenTheNewOneDies(Edge edge) throws ProtocolException {
        try (HandoverWorld world = new HandoverWorld(); ChildOwner child = ChildOwner.taker(edge + ":KILL")) {
            world.awaitProgress();
            TapKernelState kernel = world.tap();
            Map<String, Long> descriptors = OpenDescriptors.byKind();
            HandoverException failure = catchThrowableOfType(HandoverException.class,
                () -> world.owner().handOver(child.channel(), HandoverWorld.OPTIONS));
            assertThat(failure).isNotNull();
            assertThat(failure.kind()).as("%s", failure).isEqualTo(HandoverError.PEER_GONE);
            assertThat(child.exitStatus()).isEqualTo(ChildOwner.KILLED);
            assertThat(OpenDescriptors.byKind()).isEqualTo(descriptors);
            assertThat(world.tap()).isEqualTo(kernel);
            world.awaitProgress();
            world.handOver(HandoverWorld.OPTIONS, HandoverWorld.OPTIONS);
            world.awaitProgress();
            world.finish();
        }
    }

    /**
     * A new owner that does not come to an end has some lanes, and has moved frames there: it is ended, they come back,
     * and what it moved is counted.
     */
    @Test
    void lanesThatAreGoneAreTakenBack() throws Exception {
        try (Datapath owner = Datapath.launch(DatapathConfig.defaults()); ChildOwner child = ChildOwner.halfTaker()) {
            List<VhostUserPort> ports = Stream.of("a", "b", "c", "d").map(name ->
                owner.add(VhostUserPortConfig.listen(name, TestSockets.path(name)))).toList();
            owner.wire(ports.get(0), ports.get(1));
            owner.wire(ports.get(2), ports.get(3));
            try (TestGuest a = TestGuest.connect(ports.get(0).socketPath());
                 TestGuest b = TestGuest.connect(ports.get(1).socketPath());
                 TestGuest c = TestGuest.connect(ports.get(2).socketPath());
                 TestGuest d = TestGuest.connect(ports.get(3).socketPath())) {
                Exchange gone = new Exchange(a, b);
                Exchange kept = new Exchange(c, d);
                CompletableFuture<HandoverException> failure = CompletableFuture.supplyAsync(() ->
                    catchThrowableOfType(HandoverException.class, () -> owner.handOver(child.channel(),
                        HandoverWorld.OPTIONS.withTimeoutMs(TIMEOUT_MS))), task -> Thread.ofPlatform().start(task));
                child.awaitTaken();
                gone.play(200);
                kept.play(200);
                assertThat(failure.join()).hasMessage("section claim: the new owner did not take over in time with 1 of"
                    + " 2 lanes to go; its lanes were taken back");
                assertThat(child.exitStatus()).isEqualTo(ChildOwner.KILLED);
                gone.play(200);
                kept.play(200);
                assertThat(gone.wrong() + kept.wrong()).isZero();
                assertThat(owner.counters().ports().values()).allSatisfy(port -> {
                    assertThat(port.rx().frames()).isEqualTo(400);
                    assertThat(port.tx().frames()).isEqualTo(400);
                });
            }
        }
    }

    /** Once it has all lanes they are its own: the old owner has nothing, and says nothing of a failure. */
    @Test
    void aNewOwnerThatDiesAfterwardsIsNoMatterOfTheOldOne() throws Exception {
        try (HandoverWorld world = new HandoverWorld();
             ChildOwner child = ChildOwner.taker("INCOMING_CLAIMED:KILL")) {
            world.awaitProgress();
            Datapath old = world.owner();
            assertThat(old.handOver(child.channel(), HandoverWorld.OPTIONS)).as("nobody confirms").isEmpty();
            assertThat(child.exitStatus()).isEqualTo(ChildOwner.KILLED);
            assertThat(old.agents()).allMatch(DatapathAgent::ownsNothing);
        }
    }

    /**
     * An old owner that dies before it lets go leaves its lanes to the new one, which recovers them from the guests'
     * rings: at most the burst that it died in is lost or repeated. One that dies afterwards leaves no trace.
     */
    @ParameterizedTest
    @CsvSource({"OUTGOING_RELEASE,1", "OUTGOING_RELEASED,0", "OUTGOING_CONFIRMED,0"})
    void theNewOwnerGoesOnWhenTheOldOneDies(Edge edge, int recovered) throws Exception {
        Path a = TestSockets.path("a");
        Path b = TestSockets.path("b");
        try (ChildOwner child = ChildOwner.giver(edge + ":KILL", a, b)) {
            child.awaitReady();
            try (TestGuest guestA = TestGuest.connect(a, 1, TestGuest.PACKED);
                 TestGuest guestB = TestGuest.connect(b, 1, TestGuest.PACKED | Features.IN_ORDER)) {
                Exchange frames = new Exchange(guestA, guestB);
                frames.play(200);
                child.go();
                Takeover takeover = Datapath.takeOver(child.channel(), HandoverWorld.OPTIONS);
                try (Datapath taken = takeover.datapath()) {
                    assertThat(child.exitStatus()).isEqualTo(ChildOwner.KILLED);
                    assertThat(takeover.report().recovered()).isEqualTo(recovered);
                    frames.play(200);
                    assertThat(frames.wrong()).as("nothing was on its way when it died").isZero();
                    assertThat(taken.ports()).hasSize(2);
                }
            }
        }
    }
}
