package dev.baton.vhostuser;

import dev.baton.ffi.Fd;
import dev.baton.ffi.Poll;
import dev.baton.ffi.UnixSocket;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;

/**
 * A back end to try by hand with a real front end: listens, echoes every frame, prints what it is told.
 * Usage: {@code EchoBackEnd SOCKET QUEUE-PAIRS SECONDS}.
 */
final class EchoBackEnd {
    private EchoBackEnd() {
    }

    public static void main(String[] args) throws Exception {
        Path path = Path.of(args[0]);
        long end = System.nanoTime() + Long.parseLong(args[2]) * 1_000_000_000L;
        UnixSocket.removeStale(path, UnixSocket.STREAM);
        try (Fd listener = UnixSocket.listen(path, UnixSocket.STREAM, 0600, 4)) {
            while (System.nanoTime() < end) {
                if (Poll.await(listener, Poll.IN, 200) != 0) {
                    serve(Objects.requireNonNull(UnixSocket.accept(listener, true)), Integer.parseInt(args[1]), end);
                }
            }
        }
        java.nio.file.Files.deleteIfExists(path);
    }

    private static void serve(Fd socket, int pairs, long end) {
        EchoDevice device = new EchoDevice(pairs);
        device.features |= Long.getLong("features", 0);
        long told = System.nanoTime();
        try (BackendConnection connection = new BackendConnection(socket, printing(device))) {
            int idle = 0;
            while (System.nanoTime() < end) {
                idle = device.doWork() > 0 ? 0 : idle + 1;
                if (Poll.await(socket, Poll.IN, idle > 1000 ? 1 : 0) != 0 && !connection.onReadable()) {
                    System.out.println("front end is gone");
                    break;
                }
                if (System.nanoTime() - told > 1_000_000_000L) {
                    told = System.nanoTime();
                    System.out.println("frames " + device.frames + " dropped " + device.dropped);
                }
            }
        } catch (ProtocolException e) {
            System.out.println(e);
        }
    }

    private static BackendDevice printing(BackendDevice device) {
        return (BackendDevice) Proxy.newProxyInstance(BackendDevice.class.getClassLoader(),
            new Class<?>[] {BackendDevice.class}, (proxy, method, arguments) -> {
                try {
                    Object result = method.invoke(device, arguments);
                    System.out.println(method.getName() + (arguments == null ? "" : Arrays.deepToString(arguments))
                        + " = " + result);
                    return result;
                } catch (InvocationTargetException e) {
                    throw e.getCause();
                }
            });
    }
}
