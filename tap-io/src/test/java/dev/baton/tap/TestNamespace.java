package dev.baton.tap;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.baton.ffi.Fd;
import dev.baton.ffi.NetDevice;
import dev.baton.ffi.NetworkNamespace;
import dev.baton.ffi.SyscallException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.Assumptions;

/** A network namespace without a name and without IPv6, which ends with its descriptor. */
final class TestNamespace implements AutoCloseable {
    private final Fd fd;

    private TestNamespace(Fd fd) {
        this.fd = fd;
    }

    /** Skips the test where the machine gives no namespace or TAP, unless the environment says that it must. */
    static TestNamespace createOrSkip() {
        Fd fd = null;
        try {
            fd = NetworkNamespace.create();
            TestNamespace namespace = new TestNamespace(fd);
            namespace.sysctl("net/ipv6/conf/all/disable_ipv6", "1");
            namespace.sysctl("net/ipv6/conf/default/disable_ipv6", "1");
            TapDevice.open(namespace.config("probe").build()).close();
            return namespace;
        } catch (SyscallException | TapException e) {
            if (fd != null) {
                fd.close();
            }
            if ("1".equals(System.getenv("BATON_REQUIRE_CLIENTS"))) {
                throw e;
            }
            return Assumptions.abort("no TAP in a private network namespace here: " + e.getMessage());
        }
    }

    /** A configuration for a device in this namespace. */
    TapConfig.Builder config(String name) {
        return TapConfig.builder(name).networkNamespace(path());
    }

    /** The namespace's file, which any open by path may use. */
    String path() {
        return "/proc/self/fd/" + fd.value();
    }

    <T> T call(Supplier<T> action) {
        return NetworkNamespace.call(fd, action);
    }

    void run(Runnable action) {
        call(() -> {
            action.run();
            return true;
        });
    }

    boolean has(String name) {
        return call(() -> NetDevice.exists(name));
    }

    /** Sets a sysctl of this namespace, if the kernel has it. */
    void sysctl(String key, String value) {
        run(() -> {
            Path file = Path.of("/proc/sys", key);
            try {
                if (Files.exists(file)) {
                    Files.writeString(file, value);
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }

    /** Runs ip(8) in this namespace. */
    void ip(String... arguments) {
        List<String> command = new ArrayList<>(List.of("ip"));
        command.addAll(List.of(arguments));
        call(() -> run(command));
    }

    /** Runs a command to its end, in the namespace of the calling thread, and gives what it says. */
    static String run(List<String> command) {
        try {
            Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
            String output = new String(process.getInputStream().readAllBytes(), UTF_8);
            process.getInputStream().close();
            process.getErrorStream().close();
            process.getOutputStream().close();
            if (process.waitFor() != 0) {
                throw new AssertionError(command + ": " + output);
            }
            return output;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    /** A UDP socket in this namespace. */
    DatagramSocket udp(int port) {
        return call(() -> {
            try {
                DatagramSocket socket = new DatagramSocket(new InetSocketAddress(port));
                socket.setSoTimeout(5_000);
                return socket;
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }

    @Override
    public void close() {
        fd.close();
    }
}
