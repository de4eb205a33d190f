package dev.baton.ffi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** eventfd, epoll, poll and pidfd: what threads and processes wait for each other with. */
@ExtendWith(NoLeaks.class)
@Timeout(60)
class WaitingTest {
    private final EventFd event = EventFd.create();

    @AfterEach
    void close() {
        event.close();
    }

    @Test
    void eventFdCountsSignals() {
        assertThat(event.drain()).isZero();
        event.signal();
        event.signal();
        assertThat(event.drain()).isEqualTo(2);
        int fd = event.fd().value();
        assertThat(EventFd.drain(fd)).isEqualTo(-Errno.EAGAIN);
        assertThat(EventFd.signal(fd)).isNotNegative();
        assertThat(EventFd.drain(fd)).isEqualTo(1);
        assertThat(EventFd.signal(-1)).isEqualTo(-Errno.EBADF);
        assertThat(FileIo.isNonBlocking(event.fd())).isTrue();
    }

    @Test
    void fullEventFdIsSignalledAlready() {
        try (Mapping memory = Mapping.anonymous(8)) {
            RawMemory.putLong(memory.address(), -2);
            assertThat(FileIo.write(event.fd().value(), memory.address(), 8)).isEqualTo(8);
            event.signal();
            assertThat(EventFd.signal(event.fd().value())).isEqualTo(-Errno.EAGAIN);
            assertThat(event.drain()).isEqualTo(Long.MAX_VALUE);
        }
    }

    /** Who holds the other end may make it block at any time. */
    @Test
    void emptyEventFdThatBlocksIsReadWithoutWaiting() {
        FileIo.setNonBlocking(event.fd(), false);
        assertThat(EventFd.drain(event.fd().value())).isEqualTo(-Errno.EAGAIN);
        assertThat(event.drain()).isZero();
        event.signal();
        assertThat(event.drain()).isEqualTo(1);
        assertThat(FileIo.isNonBlocking(event.fd())).isFalse();
    }

    @Test
    void adoptedEventFdSharesTheCounter() {
        try (EventFd other = EventFd.adopt(event.fd().duplicate())) {
            other.signal();
            assertThat(event.drain()).isEqualTo(1);
        }
    }

    @Test
    void levelTriggeredReportsAsLongAsItIsSo() {
        try (Epoll epoll = Epoll.create()) {
            epoll.add(event.fd(), Epoll.IN, 0x1234567890abcdefL);
            assertThat(epoll.await(0)).isZero();
            event.signal();
            assertThat(epoll.await(0)).isEqualTo(1);
            assertThat(epoll.data(0)).isEqualTo(0x1234567890abcdefL);
            assertThat(epoll.events(0)).isEqualTo(Epoll.IN);
            assertThat(epoll.await(0)).isEqualTo(1);
            event.drain();
            assertThat(epoll.await(0)).isZero();
            assertThatThrownBy(() -> epoll.data(0)).isInstanceOf(IndexOutOfBoundsException.class);
        }
    }

    @Test
    void edgeTriggeredReportsChangesOnly() {
        try (Epoll epoll = Epoll.create()) {
            epoll.add(event.fd(), Epoll.IN | Epoll.ET, 1);
            event.signal();
            assertThat(epoll.await(0)).isEqualTo(1);
            assertThat(epoll.await(0)).isZero();
            event.signal();
            assertThat(epoll.await(0)).isEqualTo(1);
        }
    }

    @Test
    void oneShotReportsOnceUntilModified() {
        try (Epoll epoll = Epoll.create()) {
            epoll.add(event.fd(), Epoll.IN | Epoll.ONESHOT, 1);
            event.signal();
            assertThat(epoll.await(0)).isEqualTo(1);
            event.signal();
            assertThat(epoll.await(0)).isZero();
            epoll.modify(event.fd(), Epoll.IN, 2);
            assertThat(epoll.await(0)).isEqualTo(1);
            assertThat(epoll.data(0)).isEqualTo(2);
            epoll.remove(event.fd());
            assertThat(epoll.await(0)).isZero();
        }
    }

    @Test
    void manyReadyDescriptorsComeInTurn() {
        try (Epoll epoll = Epoll.create(2); EventFd b = EventFd.create(); EventFd c = EventFd.create()) {
            epoll.add(event.fd(), Epoll.IN, 0);
            epoll.add(b.fd(), Epoll.IN, 1);
            epoll.add(c.fd(), Epoll.IN, 2);
            event.signal();
            b.signal();
            c.signal();
            int seen = 0;
            for (int i = 0; i < 3; i++) {
                assertThat(epoll.await(0)).isEqualTo(2);
                seen |= 1 << epoll.data(0) | 1 << epoll.data(1);
            }
            assertThat(seen).isEqualTo(7);
        }
    }

    @Test
    void epollRefusalsAreNamed() {
        try (Epoll epoll = Epoll.create()) {
            epoll.add(event.fd(), Epoll.IN, 0);
            assertThatThrownBy(() -> epoll.add(event.fd(), Epoll.IN, 0)).hasMessageContaining("epoll_ctl(ADD): EEXIST");
            epoll.remove(event.fd());
            assertThatThrownBy(() -> epoll.modify(event.fd(), 0, 0)).hasMessageContaining("epoll_ctl(MOD): ENOENT");
            assertThatThrownBy(() -> epoll.remove(event.fd())).hasMessageContaining("epoll_ctl(DEL): ENOENT");
        }
    }

    @Test
    void anotherThreadWakesTheWaiter() throws InterruptedException {
        try (Epoll epoll = Epoll.create()) {
            epoll.add(event.fd(), Epoll.IN, 5);
            Thread waker = Thread.ofPlatform().start(event::signal);
            int reports;
            do {
                reports = epoll.await(-1);
            } while (reports == 0);
            assertThat(epoll.data(0)).isEqualTo(5);
            waker.join();
        }
    }

    @Test
    void pollLooksAtOneDescriptor() {
        Fd[] pair = UnixSocket.pair(UnixSocket.STREAM);
        try (Fd a = pair[0]) {
            assertThat(Poll.await(a, Poll.IN, 0)).isZero();
            assertThat(Poll.await(a, Poll.IN | Poll.OUT, -1)).isEqualTo(Poll.OUT);
            assertThat(Poll.await(a, Poll.IN, 1)).isZero();
            pair[1].close();
            assertThat(Poll.await(a, Poll.IN, -1)).isEqualTo(Poll.IN | Poll.HUP);
        }
    }

    @Test
    void killsAProcessAndSeesItsEnd() throws Exception {
        Process child = new ProcessBuilder("sleep", "300").start();
        try (PidFd process = PidFd.open(child.pid()); PidFd same = PidFd.adopt(process.fd().duplicate())) {
            assertThat(process.awaitExit(0)).isFalse();
            process.kill(PidFd.SIGSTOP);
            process.kill(PidFd.SIGCONT);
            process.kill(PidFd.SIGKILL);
            assertThat(process.awaitExit(-1)).isTrue();
            assertThat(same.awaitExit(0)).isTrue();
            assertThat(child.waitFor(30, TimeUnit.SECONDS)).isTrue();
            assertThat(child.exitValue()).isEqualTo(128 + PidFd.SIGKILL);
            assertThatThrownBy(() -> process.kill(PidFd.SIGTERM)).hasMessageContaining("pidfd_send_signal(15): ESRCH");
        } finally {
            child.destroyForcibly().waitFor();
        }
    }

    @Test
    void aThreadEndsBeforeItsProcess() throws InterruptedException {
        CompletableFuture<Integer> id = new CompletableFuture<>();
        CountDownLatch last = new CountDownLatch(1);
        Thread thread = Thread.ofPlatform().start(() -> {
            id.complete(Sched.threadId());
            try {
                last.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        try (PidFd end = openThread(id.join())) {
            assertThat(end.awaitExit(0)).isFalse();
            last.countDown();
            assertThat(end.awaitExit(10_000)).isTrue();
        }
        thread.join();
        assertThatThrownBy(() -> PidFd.openThread(id.join())).hasMessageContaining("pidfd_open(thread ");
    }

    private static PidFd openThread(int id) {
        try {
            return PidFd.openThread(id);
        } catch (SyscallException e) {
            assumeThat(e.errno()).as("Linux before 6.9 has no descriptors of threads").isNotEqualTo(Errno.EINVAL);
            throw e;
        }
    }

    @Test
    void noProcessNoPidFd() {
        assertThatThrownBy(() -> PidFd.open(Integer.MAX_VALUE)).hasMessageContaining("pidfd_open(2147483647): ESRCH");
    }
}
