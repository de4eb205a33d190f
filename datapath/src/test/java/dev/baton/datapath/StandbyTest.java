package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.baton.ffi.Fd;
import dev.baton.ffi.UnixSocket;
import dev.baton.handover.Edge;
import dev.baton.handover.Fault;
import dev.baton.handover.HandoverChannel;
import dev.baton.handover.HandoverException;
import dev.baton.handover.HandoverFaults;
import dev.baton.handover.Section;
import dev.baton.vhostuser.ProtocolException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A standby beside an owner that ends in order, is relieved, or changes; who dies has a process of its own. */
@Timeout(120)
class StandbyTest {
    private static final HandoverOptions OPTIONS =
        HandoverOptions.defaults().withBackendTransfer(true).withRehearsals(100);

    /** More than a socket has room for. */
    private static final int MANY_CHANGES = 10_000;

    /** Each half blocks: the common pool has a single thread on two CPUs. */
    private static final Executor THREADS = task -> Thread.ofPlatform().daemon().start(task);

    private final Datapath owner = Datapath.launch(DatapathConfig.defaults());

    private record Attached(Standby standby, CompletableFuture<Void> served) {
    }

    private Attached attach() throws HandoverException {
        return attach(OPTIONS);
    }

    private Attached attach(HandoverOptions options) throws HandoverException {
        Fd[] pair = UnixSocket.pair(UnixSocket.STREAM);
        CompletableFuture<Void> served = CompletableFuture.runAsync(() -> {
            try {
                owner.standBy(pair[0], OPTIONS);
            } catch (HandoverException e) {
                throw new CompletionException(e);
            }
        }, THREADS);
        return new Attached(Standby.attach(pair[1], options), served);
    }

    /** Waits until the standby follows: it was ready before its owner knew that. */
    private StandbyStatus awaitCurrent() {
        StandbyStatus current =
            new StandbyStatus((int) ProcessHandle.current().pid(), StandbyStatus.State.CURRENT, 0, 0);
        Patience.await("the standby follows", () -> owner.standbys().equals(List.of(current)));
        return current;
    }

    private static CompletableFuture<Standby.Ending> await(Standby standby) {
        return CompletableFuture.supplyAsync(() -> {
            try {
                return standby.await(60_000);
            } catch (HandoverException e) {
                throw new CompletionException(e);
            }
        }, THREADS);
    }

    @Test
    void anOwnerThatEndsInOrderSaysSo() throws HandoverException {
        Attached attached = attach();
        try (Standby standby = attached.standby()) {
            CompletableFuture<Standby.Ending> ending = await(standby);
            owner.close();
            assertThat(ending.join()).isInstanceOf(Standby.Ending.Ended.class);
            attached.served().join();
        }
    }

    @Test
    void anOwnerThatIsRelievedSaysSo() throws HandoverException {
        Attached attached = attach();
        try (Standby standby = attached.standby()) {
            CompletableFuture<Standby.Ending> ending = await(standby);
            Fd[] pair = UnixSocket.pair(UnixSocket.STREAM);
            CompletableFuture<Void> left = CompletableFuture.runAsync(() -> {
                try {
                    owner.handOver(pair[0], OPTIONS);
                } catch (HandoverException e) {
                    throw new CompletionException(e);
                }
            }, THREADS);
            Takeover takeover = Datapath.takeOver(pair[1], OPTIONS);
            left.join();
            assertThat(ending.join()).isInstanceOf(Standby.Ending.Relieved.class);
            takeover.datapath().close();
        }
    }

    @Test
    void aStandbyThatGoesIsNoLoss() throws HandoverException {
        Attached attached = attach();
        attached.standby().close();
        attached.served().join();
        owner.add(MemoryPortConfig.named("a"));
        owner.close();
    }

    @Test
    void aChangeIsDescribedAnew() throws HandoverException {
        Attached attached = attach();
        try (Standby standby = attached.standby()) {
            CompletableFuture<Standby.Ending> ending = await(standby);
            LoopbackPort loop = owner.add(LoopbackPortConfig.named("loop"));
            VhostUserPort guest = owner.add(VhostUserPortConfig.listen("guest", TestSockets.path("guest")));
            owner.wire(guest, loop);
            while (standby.ports() != 2) {
                Thread.onSpinWait();
            }
            owner.close();
            assertThat(ending.join()).isInstanceOf(Standby.Ending.Ended.class);
        }
    }

    /** The connection of a front-end that has said nothing is one change, and goes with its port. */
    @Test
    void aPortThatGoesBeforeItsFrontEndSpeaksIsDescribedAsGone() throws HandoverException {
        LoopbackPort loop = owner.add(LoopbackPortConfig.named("loop"));
        VhostUserPort guest = owner.add(VhostUserPortConfig.listen("guest", TestSockets.path("guest")));
        owner.wire(guest, loop);
        Attached attached = attach();
        awaitCurrent();
        try (Standby standby = attached.standby();
             Fd _ = UnixSocket.connect(guest.socketPath(), UnixSocket.STREAM)) {
            CompletableFuture<Standby.Ending> ending = await(standby);
            Patience.await("the front-end is connected", () -> owner.state(guest).startsWith("connected"));
            owner.remove(guest);
            Patience.await("the standby knows of one port", () -> standby.ports() == 1);
            owner.close();
            assertThat(ending.join()).isInstanceOf(Standby.Ending.Ended.class);
        }
    }

    /** Whether a standby could go on, and whether it knows everything then, is seen by who looks after its owner. */
    @Test
    void whatAStandbyKnowsIsSeen() throws HandoverException, ProtocolException {
        LoopbackPort loop = owner.add(LoopbackPortConfig.named("loop"));
        VhostUserPort port = owner.add(VhostUserPortConfig.listen("guest", TestSockets.path("guest")));
        owner.wire(port, loop);
        int pid = (int) ProcessHandle.current().pid();
        List<StandbyStatus> unready = new ArrayList<>();
        Attached attached = attach(OPTIONS.withFaults(new HandoverFaults() {
            @Override
            public void at(Edge edge) {
                if (edge == Edge.STANDBY_READY) {
                    unready.addAll(owner.standbys());
                }
            }
        }));
        try (TestGuest guest = TestGuest.connect(port.socketPath()); Standby standby = attached.standby()) {
            assertThat(unready).containsExactly(new StandbyStatus(pid, StandbyStatus.State.ATTACHING, 0, 0));
            StandbyStatus current = awaitCurrent();

            // It does not read: some changes have room in the channel, and then there is none.
            for (int i = 0; owner.standbys().equals(List.of(current)); i++) {
                assertThat(i).as("changes that all had room in the channel").isLessThan(MANY_CHANGES);
                guest.frontEnd.enableRing(0, false);
                guest.frontEnd.enableRing(0, true);
            }
            StandbyStatus late = owner.standbys().getFirst();
            assertThat(late.state()).isEqualTo(StandbyStatus.State.LATE);
            assertThat(late.pid()).isEqualTo(pid);
            assertThat(late.changesBehind()).isPositive();
            assertThat(late.lateNs()).isPositive();
            guest.frontEnd.enableRing(0, false);
            guest.frontEnd.enableRing(0, true);
            StandbyStatus later = owner.standbys().getFirst();
            assertThat(later.changesBehind()).isGreaterThanOrEqualTo(late.changesBehind() + 2);
            assertThat(later.lateNs()).isGreaterThan(late.lateNs());

            CompletableFuture<Standby.Ending> ending = await(standby);
            Patience.await("it reads and follows", () -> owner.standbys().equals(List.of(current)));
            owner.close();
            assertThat(ending.join()).isInstanceOf(Standby.Ending.Ended.class);
        }
    }

    @Test
    void whoHasGoneIsNoStandby() throws HandoverException {
        Attached attached = attach();
        awaitCurrent();
        attached.standby().close();
        attached.served().join();
        assertThat(owner.standbys()).isEmpty();
        owner.close();
    }

    /** Descriptions that a standby finds when its owner is gone: all are read, and the last whole one counts. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void theLastWholeDescriptionCounts(boolean lastCut) throws HandoverException {
        HandoverFaults cut = new HandoverFaults() {
            private int sent;

            @Override
            public Fault onSend(Section section) {
                return lastCut && section == Section.WIRES && ++sent == 3 ? Fault.TRUNCATE : Fault.NONE;
            }
        };
        Fd[] pair = UnixSocket.pair(UnixSocket.STREAM);
        try (HandoverChannel near = HandoverChannel.over(pair[0]);
             Standby standby = Standby.rehearsing(near, OPTIONS)) {
            try (HandoverChannel channel = HandoverChannel.over(pair[1], cut, 1_000)) {
                Outgoing.send(owner, OPTIONS, channel, 1);
                standby.learn();
                owner.add(LoopbackPortConfig.named("one"));
                Outgoing.send(owner, OPTIONS, channel, 2);
                owner.add(LoopbackPortConfig.named("two"));
                HandoverException end = catchThrowableOfType(HandoverException.class,
                    () -> Outgoing.send(owner, OPTIONS, channel, 3));
                assertThat(end != null).isEqualTo(lastCut);
            }
            owner.abandon();
            Standby.Ending ending = standby.await(60_000);
            assertThat(ending).isInstanceOf(Standby.Ending.Seized.class);
            try (Datapath seized = ((Standby.Ending.Seized) ending).takeover().datapath()) {
                assertThat(seized.ports().stream().map(Port::name))
                    .isEqualTo(lastCut ? List.of("one") : List.of("one", "two"));
            }
        }
    }
}
