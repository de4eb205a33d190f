package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;
import dev.baton.ffi.EventFd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import dev.baton.vhostuser.ProtocolException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A front-end makes the eventfds block that it is signalled by. */
@Timeout(120)
class HostileSignalTest extends HostilePort {
    /** A call eventfd whose counter is full and that blocks: the agent's write(2) waits in the kernel. */
    @Test
    void itMakesItsCallEventFdBlock() throws ProtocolException {
        try (TestGuest guest = connect()) {
            fill(guest.rings.get(0).call());
            guest.receiveq(0).enableNotifications();
            peer.driver(0).send(new byte[100], 0, 100);
            awaitFault("eventfd-blocks");
        }
        theNextGuestIsServed();
    }

    /** A write looks at O_NONBLOCK when it begins: one that waits goes on waiting when the flag is there again. */
    @Test
    void itMakesItsCallEventFdBlockAndHidesTheFlag() throws ProtocolException {
        try (TestGuest guest = connect()) {
            EventFd call = guest.rings.get(0).call();
            await(() -> {
                fill(call);
                guest.receive(0, (address, length) -> { });
                guest.receiveq(0).enableNotifications();
                peer.driver(0).send(new byte[100], 0, 100);
                LockSupport.parkNanos(10_000_000);
                FileIo.setNonBlocking(call.fd(), true);
                LockSupport.parkNanos(300_000_000);
                return stats("h").faultsByReason().getOrDefault("eventfd-blocks", 0L) > 0;
            });
        }
        theNextGuestIsServed();
    }

    /** One that fills it again as soon as it is emptied holds nobody up for long either. */
    @Test
    void itFillsItsCallEventFdAgainAndAgain() throws ProtocolException, InterruptedException {
        AtomicBoolean over = new AtomicBoolean();
        try (TestGuest guest = connect()) {
            EventFd call = guest.rings.get(0).call();
            Thread filling = Thread.ofPlatform().daemon().start(() -> fillAgain(call, over));
            await(() -> {
                guest.receive(0, (address, length) -> { });
                guest.receiveq(0).enableNotifications();
                peer.driver(0).send(new byte[100], 0, 100);
                return stats("h").faultsByReason().getOrDefault("eventfd-blocks", 0L) > 0;
            });
            over.set(true);
            filling.join();
        }
        theNextGuestIsServed();
    }

    private static void fillAgain(EventFd eventFd, AtomicBoolean over) {
        try (Mapping memory = Mapping.anonymous(Long.BYTES)) {
            RawMemory.putLong(memory.address(), -2);
            eventFd.drain();
            while (!over.get()) {
                FileIo.setNonBlocking(eventFd.fd(), true);
                FileIo.write(eventFd.fd().value(), memory.address(), Long.BYTES);
                FileIo.setNonBlocking(eventFd.fd(), false);
                LockSupport.parkNanos(1_000);
            }
        }
    }

    /** The same with the err eventfd, which the conductor writes to. */
    @Test
    void itMakesItsErrorEventFdBlock() throws ProtocolException {
        try (TestGuest guest = connect(); EventFd err = EventFd.create()) {
            guest.frontEnd.ringErr(1, err);
            fill(err);
            guest.transmitq(0).addReadable(guest.memory.guestAddress(), 1);
            guest.transmitq(0).publish();
            guest.transmitKick(0).signal();
            awaitFault("eventfd-blocks");
            assertThat(stats("h").faultsByReason()).containsKey("frame-shorter-than-header");
        }
        theNextGuestIsServed();
    }

    /** Takes O_NONBLOCK away and fills the counter. */
    static void fill(EventFd eventFd) {
        FileIo.setNonBlocking(eventFd.fd(), false);
        eventFd.drain();
        try (Mapping memory = Mapping.anonymous(Long.BYTES)) {
            RawMemory.putLong(memory.address(), -2);
            assertThat(FileIo.write(eventFd.fd().value(), memory.address(), Long.BYTES)).isEqualTo(Long.BYTES);
        }
    }

    /** While the port changes its owner the connection may be the next one's already: it ends when this one goes on. */
    @Test
    void itBlocksWhileThePortIsFrozen() throws ProtocolException {
        try (TestGuest guest = connect()) {
            datapath.conductor().run(hostile::freeze);
            fill(guest.rings.get(0).call());
            guest.receiveq(0).enableNotifications();
            long calls = stats("h").calls();
            peer.driver(0).send(new byte[100], 0, 100);
            await(() -> stats("h").calls() > calls);
            // The guard tells the conductor just after it has helped.
            LockSupport.parkNanos(200_000_000);
            assertThat(datapath.state(hostile)).startsWith("connected").doesNotContain("eventfd-blocks");
            datapath.conductor().run(hostile::serve);
            awaitFault("eventfd-blocks");
        }
        theNextGuestIsServed();
    }
}
