package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.PidFd;
import dev.baton.handover.HandoverException;
import dev.baton.vhostuser.ProtocolException;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A standby whose owner, a process of its own, dies or is stuck: alone, or in the middle of a handover. */
@Timeout(180)
class OrphanedStandbyTest {
    private static final long NEVER_STUCK_MS = 60_000;

    private final Path a = TestSockets.path("a");
    private final Path b = TestSockets.path("b");

    @Test
    void theOwnerIsKilled() throws HandoverException, ProtocolException {
        try (ChildOwner child = ChildOwner.giver("", a, b)) {
            child.awaitReady();
            try (TestGuest guestA = TestGuest.connect(a); TestGuest guestB = TestGuest.connect(b)) {
                Map<String, Long> descriptors = OpenDescriptors.byKind();
                Exchange frames = new Exchange(guestA, guestB);
                frames.play(200);
                try (Standby standby = Standby.attach(child.attend(), HandoverWorld.OPTIONS.withRehearsals(3_000))) {
                    child.signal(PidFd.SIGKILL);
                    try (Datapath datapath = StandbyWatch.seized(standby.await(NEVER_STUCK_MS))) {
                        frames.play(200);
                        assertThat(frames.wrong()).as("nothing was on its way when it died").isZero();
                        assertThat(datapath.ports()).hasSize(2);
                    }
                }
                assertThat(child.exitStatus()).isEqualTo(ChildOwner.KILLED);
                assertThat(OpenDescriptors.byKind()).as("descriptors, the owner's connections apart")
                    .isEqualTo(descriptors);
            }
        }
    }

    /** A process that is stopped has no heartbeat, and could go on any time: it is ended first. */
    @Test
    void theOwnerIsStuck() throws HandoverException, ProtocolException {
        try (ChildOwner child = ChildOwner.giver("", a, b)) {
            child.awaitReady();
            try (TestGuest guestA = TestGuest.connect(a); TestGuest guestB = TestGuest.connect(b)) {
                Exchange frames = new Exchange(guestA, guestB);
                frames.play(200);
                try (Standby standby = Standby.attach(child.attend(), HandoverWorld.OPTIONS)) {
                    CompletableFuture<Standby.Ending> ending = StandbyWatch.await(standby, 1_000);
                    frames.play(200);
                    child.signal(PidFd.SIGSTOP);
                    try (Datapath datapath = StandbyWatch.seized(ending)) {
                        assertThat(child.exitStatus()).isEqualTo(ChildOwner.KILLED);
                        frames.play(200);
                        assertThat(frames.wrong()).as("nothing was on its way when it stopped").isZero();
                        assertThat(datapath.ports()).hasSize(2);
                    }
                }
            }
        }
    }

    /** The one that takes over has precedence; the standby is told that it is not needed. */
    @Test
    void theOwnerDiesWhileAnotherOneTakesOver() throws HandoverException, ProtocolException {
        try (ChildOwner child = ChildOwner.giver("OUTGOING_RELEASE:KILL", a, b)) {
            child.awaitReady();
            try (TestGuest guestA = TestGuest.connect(a); TestGuest guestB = TestGuest.connect(b)) {
                Exchange frames = new Exchange(guestA, guestB);
                frames.play(200);
                try (Standby standby = Standby.attach(child.attend(), HandoverWorld.OPTIONS)) {
                    CompletableFuture<Standby.Ending> ending = StandbyWatch.await(standby, NEVER_STUCK_MS);
                    child.go();
                    Takeover takeover = Datapath.takeOver(child.channel(), HandoverWorld.OPTIONS);
                    try (Datapath datapath = takeover.datapath()) {
                        assertThat(takeover.report().recovered()).isEqualTo(1);
                        assertThat(ending.join()).isInstanceOf(Standby.Ending.Relieved.class);
                        frames.play(200);
                        assertThat(frames.wrong()).as("nothing was on its way when it died").isZero();
                        assertThat(datapath.ports()).hasSize(2);
                    }
                }
            }
        }
    }

    /**
     * The lanes were let go of, and whoever took them is gone as well: they are the standby's. It has never heard of
     * that process, which counted where whoever goes on finds it.
     */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void bothOwnersDieInTheMiddleOfTheirHandover(boolean afterFrames) throws HandoverException, ProtocolException {
        try (ChildOwner taker = ChildOwner.accepter("INCOMING_CLAIMED:KILL");
             ChildOwner giver = ChildOwner.giver("OUTGOING_RELEASED:" + (afterFrames ? "STOP" : "KILL"), a, b, taker)) {
            giver.awaitReady();
            try (TestGuest guestA = TestGuest.connect(a); TestGuest guestB = TestGuest.connect(b)) {
                Exchange frames = new Exchange(guestA, guestB);
                frames.play(200);
                try (Standby standby = Standby.attach(giver.attend(), HandoverWorld.OPTIONS)) {
                    CompletableFuture<Standby.Ending> ending = StandbyWatch.await(standby, NEVER_STUCK_MS);
                    giver.go();
                    giver.awaitReleased();
                    if (afterFrames) {
                        frames.play(200);
                        giver.signal(PidFd.SIGKILL);
                    }
                    try (Datapath datapath = StandbyWatch.seized(ending)) {
                        assertThat(giver.exitStatus()).isEqualTo(ChildOwner.KILLED);
                        assertThat(taker.exitStatus()).isEqualTo(ChildOwner.KILLED);
                        frames.play(200);
                        assertThat(frames.wrong()).as("nothing was on its way when they died").isZero();
                        assertThat(datapath.counters().ports()).hasSize(2).allSatisfy((name, port) -> {
                            assertThat(port.rx().frames()).isEqualTo(afterFrames ? 600 : 400);
                            assertThat(port.tx().frames()).isEqualTo(afterFrames ? 600 : 400);
                        });
                    }
                }
            }
        }
    }
}
