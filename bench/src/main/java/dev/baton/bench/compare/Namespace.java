package dev.baton.bench.compare;

import dev.baton.bench.BenchFailure;
import dev.baton.ffi.Fd;
import dev.baton.ffi.NetDevice;
import dev.baton.ffi.NetworkNamespace;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A network namespace without a name, in which nothing sends frames of its own; gone with the last process in it. */
final class Namespace implements AutoCloseable {
    private static final int NETWORKS = 256;

    private final Fd namespace = NetworkNamespace.create();
    private int networks;

    Namespace() {
        call(() -> {
            try {
                return Files.writeString(Path.of("/proc/sys/net/ipv6/conf/default/disable_ipv6"), "1");
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }

    /** Where another process finds it, as long as this one lives. */
    String path() {
        return "/proc/" + ProcessHandle.current().pid() + "/fd/" + namespace.value();
    }

    /** What runs a command in it. */
    List<String> inside() {
        return List.of("nsenter", "--net=" + path());
    }

    /** Does something in it. */
    <T> T call(Supplier<T> action) {
        return NetworkNamespace.call(namespace, action);
    }

    /** The first 24 bits of a network that was not used lately, with a point behind them. */
    String newNetwork() {
        return "10.82." + networks++ % NETWORKS + ".";
    }

    /** Brings an interface up with this address of a network of 24 bits. */
    void configure(String device, String address) {
        call(() -> {
            NetDevice.ipv4Address(device, address, 24);
            NetDevice.up(device, true);
            return device;
        });
    }

    /** Frames that the kernel has received from a TAP. */
    long received(String tap) {
        String interfaces = call(() -> {
            try {
                return Files.readString(Path.of("/proc/thread-self/net/dev"));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
        Matcher bytesAndFrames = Pattern.compile(Pattern.quote(tap) + ":\\s*\\d+\\s+(\\d+)").matcher(interfaces);
        if (!bytesAndFrames.find()) {
            throw new BenchFailure("there is no interface " + tap);
        }
        return Long.parseLong(bytesAndFrames.group(1));
    }

    @Override
    public void close() {
        namespace.close();
    }
}
