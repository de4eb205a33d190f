package dev.baton.ffi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** CPUs, names, clocks and errno of threads. */
@Timeout(60)
class ThreadTest {
    private static void inThread(Runnable test) throws InterruptedException {
        AtomicReference<@Nullable Throwable> thrown = new AtomicReference<>();
        Thread.ofPlatform().uncaughtExceptionHandler((thread, e) -> thrown.set(e)).start(test).join();
        assertThat(thrown.get()).isNull();
    }

    @Test
    void affinityIsTheThreadsOwn() throws InterruptedException {
        int[] before = Sched.affinity();
        assertThat(before).isNotEmpty().isSorted();
        inThread(() -> {
            for (int cpu : before) {
                Sched.setAffinity(cpu);
                assertThat(Sched.affinity()).containsExactly(cpu);
            }
            Sched.setAffinity(before);
            assertThat(Sched.affinity()).isEqualTo(before);
            assertThatThrownBy(() -> Sched.setAffinity(8191))
                .hasMessage("sched_setaffinity({8191}): EINVAL (Invalid argument)");
            assertThatThrownBy(() -> Sched.setAffinity()).hasMessageContaining("EINVAL");
            assertThatThrownBy(() -> Sched.setAffinity(-1)).isInstanceOf(IllegalArgumentException.class);
        });
        assertThat(Sched.affinity()).isEqualTo(before);
    }

    @Test
    void nameIsCutAfter15Bytes() throws InterruptedException {
        inThread(() -> {
            Sched.threadName("baton-0");
            assertThat(Sched.threadName()).isEqualTo("baton-0");
            Sched.threadName("a-name-that-is-too-long");
            assertThat(Sched.threadName()).isEqualTo("a-name-that-is-");
        });
    }

    @Test
    void clocksGoForward() {
        long before = Clock.monotonicNs();
        long cpuBefore = Clock.threadCpuNs();
        long sum = 0;
        while (Clock.threadCpuNs() == cpuBefore) {
            sum++;
        }
        assertThat(sum).isNotNegative();
        assertThat(Clock.monotonicNs()).isGreaterThan(before);
        assertThat(Clock.threadCpuNs()).isGreaterThan(cpuBefore);
    }

    @Test
    void countsContextSwitches() throws InterruptedException {
        ContextSwitches before = Clock.contextSwitches();
        Thread.sleep(1);
        assertThat(Clock.contextSwitches().voluntary()).isGreaterThan(before.voluntary());
        assertThat(Clock.contextSwitches().involuntary()).isGreaterThanOrEqualTo(before.involuntary());
    }

    @Test
    void errnoIsTheThreadsOwn() throws InterruptedException {
        Thread[] threads = new Thread[4];
        AtomicReference<@Nullable Throwable> thrown = new AtomicReference<>();
        for (int i = 0; i < threads.length; i++) {
            boolean odd = i % 2 == 1;
            Thread.Builder builder = i < 2 ? Thread.ofVirtual() : Thread.ofPlatform();
            threads[i] = builder.unstarted(() -> {
                try (EventFd event = EventFd.create()) {
                    for (int round = 0; round < 50_000; round++) {
                        int fd = odd ? -1 : event.fd().value();
                        assertThat(EventFd.drain(fd)).isEqualTo(odd ? -Errno.EBADF : -Errno.EAGAIN);
                    }
                } catch (Throwable e) {
                    thrown.set(e);
                }
            });
        }
        Arrays.stream(threads).forEach(Thread::start);
        for (Thread thread : threads) {
            thread.join();
        }
        assertThat(thrown.get()).isNull();
    }
}
