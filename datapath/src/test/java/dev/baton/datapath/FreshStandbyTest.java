package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.baton.ffi.PidFd;
import dev.baton.handover.Edge;
import dev.baton.handover.HandoverException;
import dev.baton.vhostuser.ErrorKind;
import dev.baton.vhostuser.ProtocolException;
import dev.baton.vhostuser.SharedMemory;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a standby knows of an owner that is killed as soon as a front-end was answered, or just before. */
@Timeout(180)
class FreshStandbyTest {
    private static final long NEVER_STUCK_MS = 60_000;
    /** More than a socket has room for. */
    private static final int MANY_CHANGES = 10_000;
    private static final HandoverOptions OPTIONS = HandoverWorld.OPTIONS.withRehearsals(100);

    private final Path a = TestSockets.path("a");
    private final Path b = TestSockets.path("b");

    /** What a guest has its back end do, message by message, each of them answered. */
    enum Change {
        NOTHING {
            @Override
            void make(TestGuest guest) {
                // The two connections alone, which came after the standby.
            }
        },
        RING_IN_ANOTHER_SIZE {
            @Override
            void make(TestGuest guest) throws ProtocolException {
                guest.resetRing(0, TestGuest.SIZE / 2);
                guest.resetRing(1, TestGuest.SIZE / 4);
            }
        },
        RING_DISABLED_AND_ENABLED {
            @Override
            void make(TestGuest guest) throws ProtocolException {
                guest.frontEnd.enableRing(0, false);
                guest.frontEnd.enableRing(0, true);
            }
        },
        MEMORY {
            @Override
            void make(TestGuest guest) throws ProtocolException {
                SharedMemory more = SharedMemory.create(1L << 40, 1 << 20);
                guest.frontEnd.setMemoryTable(List.of(guest.memory, more));
                more.close();
            }
        };

        abstract void make(TestGuest guest) throws ProtocolException;
    }

    private static void awaitSettled(Standby standby) {
        Patience.await("the owner has told all that it did", standby::isOwnerSettled);
    }

    private static long died(Datapath datapath, String port) {
        PortStats stats = Objects.requireNonNull(datapath.counters().ports().get(port));
        return stats.faultsByReason().getOrDefault(ErrorKind.OWNER_DIED.reason(), 0L);
    }

    /** The standby has not even prepared it: it lies in the channel, or waits for its turn. */
    @ParameterizedTest
    @EnumSource
    void whatAGuestWasAnsweredForIsKnown(Change change) throws HandoverException, ProtocolException {
        try (ChildOwner child = ChildOwner.giver("", a, b)) {
            child.awaitReady();
            try (Standby standby = Standby.attach(child.attend(), OPTIONS)) {
                CompletableFuture<Standby.Ending> ending = StandbyWatch.await(standby, NEVER_STUCK_MS);
                try (TestGuest guestA = TestGuest.connect(a); TestGuest guestB = TestGuest.connect(b)) {
                    Exchange frames = new Exchange(guestA, guestB);
                    frames.play(200);
                    change.make(guestA);
                    awaitSettled(standby);
                    child.signal(PidFd.SIGKILL);
                    try (Datapath datapath = StandbyWatch.seized(ending)) {
                        frames.play(200);
                        assertThat(frames.wrong()).as("nothing was on its way when it died").isZero();
                        assertThat(died(datapath, "a") + died(datapath, "b")).as("connections ended").isZero();
                    }
                }
            }
        }
    }

    /**
     * Nobody can know what a guest believes whose back end died with its message in hand: its connection ends, and it
     * connects again. The other guest notices nothing.
     */
    @ParameterizedTest
    @EnumSource(names = {"STANDBY_CHANGE", "STANDBY_TOLD"})
    void aMessageInHandEndsItsOwnConnection(Edge edge) throws HandoverException, ProtocolException {
        try (ChildOwner child = ChildOwner.giver(edge + ":KILL", a, b)) {
            child.awaitReady();
            try (TestGuest guestB = TestGuest.connect(b)) {
                Datapath datapath;
                try (TestGuest guestA = TestGuest.connect(a);
                     Standby standby = Standby.attach(child.attend(), OPTIONS)) {
                    CompletableFuture<Standby.Ending> ending = StandbyWatch.await(standby, NEVER_STUCK_MS);
                    Exchange frames = new Exchange(guestA, guestB);
                    frames.play(200);
                    ProtocolException end = catchThrowableOfType(ProtocolException.class,
                        () -> guestA.frontEnd.enableRing(0, false));
                    assertThat(end).as("no answer, but the end of the connection").isNotNull();
                    assertThat(end.kind()).as("%s", end).isEqualTo(ErrorKind.VANISHED);
                    datapath = StandbyWatch.seized(ending);
                }
                try (datapath; TestGuest again = TestGuest.connect(a)) {
                    Exchange frames = new Exchange(again, guestB);
                    frames.play(200);
                    assertThat(frames.wrong()).isZero();
                    assertThat(died(datapath, "a")).isOne();
                    assertThat(died(datapath, "b")).isZero();
                }
            }
        }
    }

    /** One that does not read holds up neither a guest's messages nor its frames, and follows as soon as it reads. */
    @Test
    void aStandbyThatDoesNotReadHoldsNobodyUp() throws HandoverException, ProtocolException {
        try (ChildOwner child = ChildOwner.giver("", a, b)) {
            child.awaitReady();
            try (TestGuest guestA = TestGuest.connect(a); TestGuest guestB = TestGuest.connect(b);
                 Standby standby = Standby.attach(child.attend(), OPTIONS)) {
                Exchange frames = new Exchange(guestA, guestB);
                changeUntilLate(guestA, standby);
                frames.play(200);
                guestA.resetRing(0, TestGuest.SIZE / 2);
                frames.play(200);
                CompletableFuture<Standby.Ending> ending = StandbyWatch.await(standby, NEVER_STUCK_MS);
                awaitSettled(standby);
                child.signal(PidFd.SIGKILL);
                try (Datapath datapath = StandbyWatch.seized(ending)) {
                    frames.play(200);
                    assertThat(frames.wrong()).isZero();
                    assertThat(died(datapath, "a") + died(datapath, "b")).isZero();
                }
            }
        }
    }

    /** What it has not been told of ends with the owner; who has changed nothing goes on. */
    @Test
    void whoChangedSomethingBesideAStandbyThatDoesNotReadConnectsAgain() throws HandoverException, ProtocolException {
        try (ChildOwner child = ChildOwner.giver("", a, b)) {
            child.awaitReady();
            try (TestGuest guestB = TestGuest.connect(b)) {
                Datapath datapath;
                try (TestGuest guestA = TestGuest.connect(a);
                     Standby standby = Standby.attach(child.attend(), OPTIONS)) {
                    changeUntilLate(guestA, standby);
                    guestA.resetRing(0, TestGuest.SIZE / 2);
                    new Exchange(guestA, guestB).play(200);
                    child.signal(PidFd.SIGKILL);
                    datapath = StandbyWatch.seized(standby.await(NEVER_STUCK_MS));
                    assertThat(catchThrowableOfType(ProtocolException.class, guestA.frontEnd::status)).isNotNull();
                }
                try (datapath; TestGuest again = TestGuest.connect(a)) {
                    Exchange frames = new Exchange(again, guestB);
                    frames.play(200);
                    assertThat(frames.wrong()).isZero();
                    assertThat(died(datapath, "a")).isOne();
                    assertThat(died(datapath, "b")).isZero();
                }
            }
        }
    }

    /** What it hears then is of an owner that is none any more: another one lives, and keeps the lanes. */
    @Test
    void aStandbyThatReadsTooLateSeizesNothingFromTheNextOwner() throws HandoverException, ProtocolException {
        try (ChildOwner child = ChildOwner.giver("", a, b)) {
            child.awaitReady();
            try (TestGuest guestA = TestGuest.connect(a); TestGuest guestB = TestGuest.connect(b);
                 Standby standby = Standby.attach(child.attend(), OPTIONS)) {
                Exchange frames = new Exchange(guestA, guestB);
                changeUntilLate(guestA, standby);
                child.go();
                try (Datapath next = Datapath.takeOver(child.channel(), HandoverWorld.OPTIONS).datapath()) {
                    frames.play(200);
                    assertThat(child.exitStatus()).isZero();
                    assertThat(standby.await(NEVER_STUCK_MS)).isInstanceOf(Standby.Ending.Relieved.class);
                    frames.play(200);
                    assertThat(frames.wrong()).isZero();
                    assertThat(next.ports()).hasSize(2);
                }
            }
        }
    }

    /** What it does not hear in time is that the datapath has ended. */
    @Test
    void aStandbyThatReadsTooLateDoesNotGoOnWithWhatWasEnded() throws HandoverException, ProtocolException {
        try (ChildOwner child = ChildOwner.giver("", a, b)) {
            child.awaitReady();
            try (TestGuest guestA = TestGuest.connect(a);
                 Standby standby = Standby.attach(child.attend(), OPTIONS)) {
                changeUntilLate(guestA, standby);
                child.end();
                assertThat(child.exitStatus()).isZero();
                assertThat(standby.await(NEVER_STUCK_MS)).isInstanceOf(Standby.Ending.Relieved.class);
            }
        }
    }

    /** Each change is answered, whether there is room for its description or not; there is none at the end. */
    private static void changeUntilLate(TestGuest guest, Standby standby) throws ProtocolException {
        int inARow = 0;
        for (int changes = 0; inARow < 100; changes++) {
            assertThat(changes).as("changes that all had room in the channel").isLessThan(MANY_CHANGES);
            guest.frontEnd.enableRing(0, false);
            guest.frontEnd.enableRing(0, true);
            inARow = standby.isOwnerSettled() ? 0 : inARow + 1;
        }
    }
}
