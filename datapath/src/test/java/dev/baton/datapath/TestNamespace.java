package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.Fd;
import dev.baton.ffi.NetworkNamespace;
import dev.baton.ffi.SyscallException;
import dev.baton.tap.TapConfig;
import dev.baton.tap.TapDevice;
import dev.baton.tap.TapException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.Assumptions;

/** A network namespace without a name and without IPv6, which ends with its descriptor. */
final class TestNamespace implements AutoCloseable {
    private final Fd fd;

    private TestNamespace(Fd fd) {
        this.fd = fd;
    }

    /** Skips the test where the machine gives no namespace or TAP, unless the environment says that it must. */
    static TestNamespace createOrSkip() {
        try {
            TestNamespace namespace = new TestNamespace(NetworkNamespace.create());
            namespace.call(() -> Files.writeString(Path.of("/proc/sys/net/ipv6/conf/default/disable_ipv6"), "1"));
            TapDevice.open(TapConfig.builder("probe").networkNamespace(namespace.path()).build()).close();
            return namespace;
        } catch (SyscallException | TapException e) {
            if ("1".equals(System.getenv("BATON_REQUIRE_CLIENTS"))) {
                throw e;
            }
            return Assumptions.abort("no TAP in a private network namespace here: " + e.getMessage());
        }
    }

    String path() {
        return "/proc/self/fd/" + fd.value();
    }

    <T> T call(Callable<T> action) {
        return NetworkNamespace.call(fd, () -> {
            try {
                return action.call();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            } catch (RuntimeException e) {
                throw e;
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        });
    }

    /** Runs ip(8) in it; fails unless that succeeds. */
    void ip(String... words) {
        call(() -> {
            List<String> command = new ArrayList<>(List.of("ip"));
            command.addAll(List.of(words));
            assertThat(new ProcessBuilder(command).inheritIO().start().waitFor()).isZero();
            return true;
        });
    }

    @Override
    public void close() {
        fd.close();
    }
}
