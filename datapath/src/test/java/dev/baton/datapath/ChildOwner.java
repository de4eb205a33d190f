package dev.baton.datapath;

import dev.baton.ffi.Fd;
import dev.baton.ffi.UnixSocket;
import dev.baton.handover.HandoverException;
import dev.baton.handover.HandoverFaults;
import dev.baton.handover.PlannedFaults;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * An owner in a process of its own, which can be killed: the other half of a handover with this one.
 *
 * <p>{@code take SOCKET FAULTS}: takes over. {@code hand SOCKET FAULTS A B}: has two wired ports on the sockets A and
 * B, says so, waits for a byte and hands over.
 */
final class ChildOwner implements AutoCloseable {
    static final int KILLED = 137;

    private final Process process;
    private final Fd listener;

    private ChildOwner(Process process, Fd listener) {
        this.process = process;
        this.listener = listener;
    }

    /** Starts one that takes over. */
    static ChildOwner taker(String faults) {
        return start("take", faults);
    }

    /** Starts one that hands over what is on these sockets. */
    static ChildOwner giver(String faults, Path a, Path b) {
        return start("hand", faults, a.toString(), b.toString());
    }

    private static ChildOwner start(String mode, String faults, String... more) {
        Path socket = TestSockets.path("owner");
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        List<String> command = new ArrayList<>(List.of(java,
            "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "--enable-native-access=ALL-UNNAMED",
            "--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED", "-cp", System.getProperty("java.class.path"),
            ChildOwner.class.getName(), mode, socket.toString(), faults));
        command.addAll(List.of(more));
        Fd listener = UnixSocket.listen(socket, UnixSocket.STREAM, 0600, 1);
        try {
            Process process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
            return new ChildOwner(process, listener);
        } catch (IOException e) {
            listener.close();
            throw new UncheckedIOException(e);
        }
    }

    /** This process's end of the channel; blocks until the child has come. */
    Fd channel() {
        return Objects.requireNonNull(UnixSocket.accept(listener, false));
    }

    /** Waits for the word that the ports are there. */
    void awaitReady() {
        try {
            if (process.getInputStream().read() != 'r') {
                throw new IllegalStateException("the child ended with status " + exitStatus());
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    void go() {
        try {
            process.getOutputStream().write('g');
            process.getOutputStream().flush();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    int exitStatus() {
        return process.onExit().join().exitValue();
    }

    @Override
    public void close() {
        process.destroyForcibly().onExit().join();
        listener.close();
    }

    public static void main(String[] arguments) throws HandoverException, IOException {
        Path socket = Path.of(arguments[1]);
        HandoverFaults faults = PlannedFaults.parse(arguments[2]);
        HandoverOptions options = HandoverWorld.OPTIONS.withFaults(faults);
        if (arguments[0].equals("take")) {
            Fd channel = UnixSocket.connect(socket, UnixSocket.STREAM);
            try (Datapath taken = Datapath.takeOver(channel, options).datapath()) {
                System.out.print(taken.ports().size());
                System.out.flush();
                System.in.read();
            }
            return;
        }
        try (Datapath owner = Datapath.launch(DatapathConfig.defaults())) {
            owner.wire(owner.add(VhostUserPortConfig.listen("a", Path.of(arguments[3]))),
                owner.add(VhostUserPortConfig.listen("b", Path.of(arguments[4]))));
            System.out.print('r');
            System.out.flush();
            System.in.read();
            owner.handOver(UnixSocket.connect(socket, UnixSocket.STREAM), options);
        }
    }
}
