package dev.baton.ffi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NoLeaks.class)
@Timeout(60)
class FdTest {
    private static Fd open() {
        return FileIo.open("/dev/null", FileIo.O_RDWR, 0);
    }

    @Test
    void closesItsDescriptorOnce() {
        Fd first = open();
        int number = first.value();
        first.close();
        try (Fd second = open()) {
            assertThat(second.value()).isEqualTo(number);
            first.close();
            assertThat(FileIo.statusFlags(second) & FileIo.O_RDWR).isEqualTo(FileIo.O_RDWR);
        }
    }

    @Test
    void isNeverUsedAfterClose() {
        Fd fd = open();
        fd.close();
        assertThat(fd.isOpen()).isFalse();
        assertThat(fd).asString().endsWith("(closed)");
        assertThatThrownBy(fd::value).isInstanceOf(IllegalStateException.class).hasMessageContaining("was closed");
        assertThatThrownBy(fd::duplicate).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(fd::release).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> FileIo.size(fd)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void releaseGivesUpOwnership() {
        Fd fd = open();
        int number = fd.release();
        fd.close();
        assertThat(fd.isOpen()).isFalse();
        try (Fd again = Fd.adopt(number)) {
            assertThat(FileIo.isNonBlocking(again)).isFalse();
        }
    }

    @Test
    void duplicateLivesOnAndIsCloseOnExec() {
        Fd fd = open();
        try (Fd duplicate = fd.duplicate()) {
            fd.close();
            long flags = duplicate.use(number -> Fcntl.fcntl(number, Fcntl.F_GETFD, 0));
            assertThat(flags).isEqualTo(Fcntl.FD_CLOEXEC);
        }
    }

    @Test
    void refusesWhatIsNoDescriptor() {
        assertThatThrownBy(() -> Fd.adopt(-1)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void closeWaitsForTheCallThatRuns() {
        Fd fd = open();
        int number = fd.borrow();
        fd.close();
        assertThat(fd.isOpen()).isFalse();
        assertThat(Fcntl.fcntl(number, Fcntl.F_GETFD, 0)).isNotNegative();
        assertThatThrownBy(fd::borrow).isInstanceOf(IllegalStateException.class);
        fd.giveBack();
        assertThat(Fcntl.fcntl(number, Fcntl.F_GETFD, 0)).isEqualTo(-Errno.EBADF);
    }

    @Test
    void releaseIsRefusedWhileACallRuns() {
        try (Fd fd = open()) {
            fd.borrow();
            assertThatThrownBy(fd::release).hasMessageContaining("in use");
            fd.giveBack();
        }
    }

    /** The number is given out again at once: a call that came late would show in the newcomer's counter. */
    @Test
    void concurrentCloseNeverLetsACallThroughToTheNextOwner() throws InterruptedException {
        for (int round = 0; round < 200; round++) {
            EventFd old = EventFd.create();
            Thread signaller = Thread.ofPlatform().start(() -> {
                try {
                    while (true) {
                        old.signal();
                    }
                } catch (IllegalStateException closed) {
                    // what the thread waits for
                }
            });
            while (old.drain() == 0) {
                Thread.onSpinWait();
            }
            old.close();
            try (EventFd next = EventFd.create(); EventFd afterNext = EventFd.create()) {
                signaller.join();
                assertThat(next.drain()).isZero();
                assertThat(afterNext.drain()).isZero();
            }
        }
    }

    @Test
    void whatIsLentStaysOpenWhenItsOwnerClosesIt() {
        EventFd counter = EventFd.create();
        Fd fd = counter.fd().duplicate();
        try (Loan _ = Loan.of(List.of(fd))) {
            fd.close();
            assertThat(fd.isOpen()).isFalse();
            assertThatThrownBy(fd::value).hasMessageContaining("was closed");
            EventFd.signal(fd.lentValue());
            assertThat(counter.drain()).isEqualTo(1);
        }
        assertThatThrownBy(fd::lentValue).hasMessageContaining("was closed");
        assertThatThrownBy(() -> Loan.of(List.of(counter.fd(), fd))).hasMessageContaining("was closed");
        // What is still lent could not be released.
        Fd.adopt(counter.fd().release()).close();
    }
}
