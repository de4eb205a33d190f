package dev.baton.ffi;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/**
 * Hot calls make no garbage either where the compiler does not take the linker's own code into them, as happens now and
 * then while it has much to do.
 */
class ReluctantCompilerTest {
    /** The linker makes a slice for each call that keeps its errno. */
    private static final String NO_SLICES_INLINED =
        "-XX:CompileCommand=dontinline,jdk.internal.foreign.AbstractMemorySegmentImpl::asSlice";

    @Test
    void nothingIsAllocated() throws Exception {
        Process process = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED", "-XX:CompileCommand=quiet", NO_SLICES_INLINED,
            "-cp", System.getProperty("java.class.path"), Child.class.getName()).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
        assertThat(output).isEqualTo("""
            hot calls: quiet
            a call that keeps errno: garbage
            """);
    }

    /** Says of calls whether they come to allocate nothing. */
    static final class Child {
        private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        private static final int ROUNDS = 200;
        private static final int CALLS = 5_000;

        private Child() {
        }

        public static void main(String[] args) {
            try (Mapping memory = Mapping.anonymous(Mapping.pageSize()); IovecArray list = new IovecArray(1);
                 Fd zero = FileIo.open("/dev/zero", FileIo.O_RDWR, 0); EventFd event = EventFd.create();
                 Epoll epoll = Epoll.create()) {
                list.set(0, memory.address(), Long.BYTES);
                epoll.add(event.fd(), Epoll.IN, 1);
                int file = zero.value();
                int signal = event.fd().value();
                say("hot calls", () -> {
                    FileIo.read(file, memory.address(), 1);
                    FileIo.writev(file, list.address(), 1);
                    EventFd.signal(signal);
                    epoll.await(0);
                    EventFd.drain(signal);
                    EventFd.drain(signal);
                    FileIo.read(signal, memory.address(), Long.BYTES);
                    FileIo.write(-1, memory.address(), 1);
                });
                say("a call that keeps errno", () -> Fcntl.fcntl(file, Fcntl.F_GETFL, 0));
            }
        }

        private static void say(String what, Runnable calls) {
            long allocated = Long.MAX_VALUE;
            for (int round = 0; round < ROUNDS && allocated != 0; round++) {
                long before = THREADS.getCurrentThreadAllocatedBytes();
                for (int i = 0; i < CALLS; i++) {
                    calls.run();
                }
                allocated = THREADS.getCurrentThreadAllocatedBytes() - before;
            }
            System.out.println(what + ": " + (allocated == 0 ? "quiet" : "garbage"));
        }
    }
}
