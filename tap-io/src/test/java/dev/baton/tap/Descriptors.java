package dev.baton.tap;

import dev.baton.ffi.DescriptorMessage;
import dev.baton.ffi.Fd;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.UnixSocket;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Descriptors as another process gets them, and how many are open. */
final class Descriptors {
    private Descriptors() {
    }

    /** Sends descriptors over a socket: what comes out of it is owned by the caller. */
    static List<Fd> passed(List<Fd> fds) {
        List<Fd> received = new ArrayList<>();
        Fd[] pair = UnixSocket.pair(UnixSocket.STREAM);
        try (Fd out = pair[0]; Fd in = pair[1]; Mapping memory = Mapping.anonymous(1)) {
            DescriptorMessage.sendAll(out, memory.address(), 1, fds.stream().mapToInt(Fd::value).toArray());
            new DescriptorMessage.Receiver().receive(in, memory.address(), 1, received, 0);
        }
        return received;
    }

    /** How many TAP queues, sockets and namespaces are open: what Baton can leak and the JVM does not open. */
    static long open() {
        try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
            return open.map(Descriptors::target).filter(target -> Stream.of("/dev/net/tun", "/dev/null", "socket:",
                "net:").anyMatch(target::startsWith)).count();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String target(Path link) {
        try {
            return Files.readSymbolicLink(link).toString();
        } catch (IOException e) { // closed meanwhile
            return "";
        }
    }
}
