package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.Errno;
import dev.baton.ffi.EventFd;
import dev.baton.ffi.Fd;
import dev.baton.ffi.SyscallException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A process of its own for what takes all descriptors that there are: it may open few (RLIMIT_NOFILE). */
final class FewDescriptors {
    static final int LIMIT = 400;

    private FewDescriptors() {
    }

    /** Runs the class's {@code main}, which has to end well, and returns what it said. */
    static String run(Class<?> program, String... arguments) throws IOException, InterruptedException {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        List<String> command = new ArrayList<>(List.of("/bin/sh", "-c", "ulimit -n " + LIMIT + "; exec \"$@\"", "sh",
            java, "--enable-native-access=ALL-UNNAMED", "--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED", "-cp",
            System.getProperty("java.class.path"), program.getName()));
        command.addAll(List.of(arguments));
        Process child = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(child.waitFor(1, TimeUnit.MINUTES)).isTrue();
        assertThat(child.exitValue()).as(said).isZero();
        return said;
    }

    /** Opens descriptors until there are no more. */
    static void take(List<Fd> all) {
        assertThat(Errno.describe(Errno.EMFILE)).as("loaded while it can be").isNotEmpty();
        try {
            while (true) {
                all.add(EventFd.create().fd());
            }
        } catch (SyscallException none) {
            assertThat(none).hasMessageContaining("EMFILE");
        }
    }
}
