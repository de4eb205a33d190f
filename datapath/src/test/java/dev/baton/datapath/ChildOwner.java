package dev.baton.datapath;

import dev.baton.ffi.Fd;
import dev.baton.ffi.PidFd;
import dev.baton.ffi.UnixSocket;
import dev.baton.handover.Description;
import dev.baton.handover.DescriptionReader;
import dev.baton.handover.Edge;
import dev.baton.handover.Fault;
import dev.baton.handover.HandoverChannel;
import dev.baton.handover.HandoverException;
import dev.baton.handover.HandoverFaults;
import dev.baton.handover.HandoverMessages;
import dev.baton.handover.Hello;
import dev.baton.handover.PlannedFaults;
import dev.baton.handover.Section;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * An owner in a process of its own, which can be killed: the other half of a handover with this one.
 *
 * <p>{@code take SOCKET FAULTS}: takes over from the process that listens there. {@code half SOCKET FAULTS}: takes one
 * lane of that process, says so, and nothing more. {@code accept SOCKET FAULTS}: listens there, says so, and takes over
 * from the process that comes. {@code hand SOCKET FAULTS A B TO}: has two wired ports on the sockets A and B, says so,
 * and does what it is told by letters: s, serves a standby that listens on SOCKET; g, hands over to the process that
 * listens on TO, and says when it has let go of all lanes; any other one, ends.
 */
final class ChildOwner implements AutoCloseable {
    static final int KILLED = 137;

    private final Process process;
    private final Path socket;
    private final @Nullable Fd listener;

    private ChildOwner(Process process, Path socket, @Nullable Fd listener) {
        this.process = process;
        this.socket = socket;
        this.listener = listener;
    }

    /** Starts one that takes over. */
    static ChildOwner taker(String faults) {
        return listen(TestSockets.path("owner"), "take", faults, List.of());
    }

    /** Starts one that takes a single lane over, and does not go on from there. */
    static ChildOwner halfTaker() {
        return listen(TestSockets.path("owner"), "half", "", List.of());
    }

    /** Starts one that takes over from a process other than this. */
    static ChildOwner accepter(String faults) {
        ChildOwner child = run(TestSockets.path("owner"), null, "accept", faults, List.of());
        child.awaitReady();
        return child;
    }

    /** Starts one that hands over to this process what is on these sockets. */
    static ChildOwner giver(String faults, Path a, Path b) {
        Path socket = TestSockets.path("owner");
        return listen(socket, "hand", faults, List.of(a, b, socket));
    }

    /** Starts one that hands over to another one what is on these sockets. */
    static ChildOwner giver(String faults, Path a, Path b, ChildOwner to) {
        return listen(TestSockets.path("owner"), "hand", faults, List.of(a, b, to.socket));
    }

    private static ChildOwner listen(Path socket, String mode, String faults, List<Path> more) {
        return run(socket, UnixSocket.listen(socket, UnixSocket.STREAM, 0600, 1), mode, faults, more);
    }

    private static ChildOwner run(Path socket, @Nullable Fd listener, String mode, String faults, List<Path> more) {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        List<String> command = new ArrayList<>(List.of(java,
            "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "--enable-native-access=ALL-UNNAMED",
            "--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED", "-cp", System.getProperty("java.class.path"),
            ChildOwner.class.getName(), mode, socket.toString(), faults));
        more.forEach(path -> command.add(path.toString()));
        try {
            Process process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
            return new ChildOwner(process, socket, listener);
        } catch (IOException e) {
            if (listener != null) {
                listener.close();
            }
            throw new UncheckedIOException(e);
        }
    }

    /** This process's end of the channel; blocks until the child has come. */
    Fd channel() {
        return Objects.requireNonNull(UnixSocket.accept(Objects.requireNonNull(listener), false));
    }

    /** Waits for the word that the ports are there. */
    void awaitReady() {
        await('r');
    }

    /** Waits for the word that it has taken a lane. */
    void awaitTaken() {
        await('t');
    }

    /** Waits for the word that it has let go of all lanes. */
    void awaitReleased() {
        await('l');
    }

    private void await(char word) {
        try {
            if (process.getInputStream().read() != word) {
                throw new IllegalStateException("the child ended with status " + exitStatus());
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Has it hand over. */
    void go() {
        tell('g');
    }

    /** Has it end in order, and the datapath with it. */
    void end() {
        tell('e');
    }

    /** Has it serve a standby, and returns the standby's end of the channel. */
    Fd attend() {
        tell('s');
        return channel();
    }

    private void tell(char order) {
        try {
            process.getOutputStream().write(order);
            process.getOutputStream().flush();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Sends it a signal. */
    void signal(int signal) {
        try (PidFd pidFd = PidFd.open(process.pid())) {
            pidFd.kill(signal);
        }
    }

    int exitStatus() {
        return process.onExit().join().exitValue();
    }

    @Override
    public void close() {
        process.destroyForcibly().onExit().join();
        if (listener != null) {
            listener.close();
        }
    }

    public static void main(String[] arguments) throws HandoverException, IOException {
        Path socket = Path.of(arguments[1]);
        HandoverFaults faults = PlannedFaults.parse(arguments[2]);
        HandoverOptions options = HandoverWorld.OPTIONS.withFaults(faults);
        switch (arguments[0]) {
            case "take" -> take(UnixSocket.connect(socket, UnixSocket.STREAM), options);
            case "half" -> takeHalf(UnixSocket.connect(socket, UnixSocket.STREAM), options);
            case "accept" -> {
                try (Fd listener = UnixSocket.listen(socket, UnixSocket.STREAM, 0600, 1)) {
                    say('r');
                    take(Objects.requireNonNull(UnixSocket.accept(listener, false)), options);
                }
            }
            default -> {
                try (Datapath owner = Datapath.launch(DatapathConfig.defaults())) {
                    owner.wire(owner.add(VhostUserPortConfig.listen("a", Path.of(arguments[3]))),
                        owner.add(VhostUserPortConfig.listen("b", Path.of(arguments[4]))));
                    say('r');
                    int order = System.in.read();
                    for (; order == 's'; order = System.in.read()) {
                        attend(owner, UnixSocket.connect(socket, UnixSocket.STREAM), options);
                    }
                    if (order == 'g') {
                        owner.handOver(UnixSocket.connect(Path.of(arguments[5]), UnixSocket.STREAM),
                            options.withFaults(telling(faults)));
                    }
                }
            }
        }
    }

    private static void take(Fd channel, HandoverOptions options) throws HandoverException, IOException {
        try (Datapath taken = Datapath.takeOver(channel, options).datapath()) {
            System.out.print(taken.ports().size());
            System.out.flush();
            System.in.read();
        }
    }

    private static void takeHalf(Fd socket, HandoverOptions options) throws HandoverException, IOException {
        try (HandoverChannel channel = HandoverChannel.over(socket)) {
            options.hello(Hello.Purpose.TAKEOVER).exchange(channel, options.timeoutMs());
            Description description = DescriptionReader.read(channel, options.timeoutMs());
            Datapath built = Incoming.build(description, options, false);
            HandoverMessages.sendStep(channel, Section.PREPARED, description.generation());
            HandoverMessages.awaitStep(channel, Section.CLAIM, description.generation(), options.timeoutMs());
            CompletableFuture<Lane> taken = built.conductor().call(() -> {
                Wiring wiring = built.topology().wirings().getFirst();
                Lane lane = wiring.lanes().getFirst();
                return wiring.owner(lane).claim(lane);
            });
            HandoverMessages.sendStep(channel, Section.CLAIMING, description.generation());
            taken.join();
            say('t');
            System.in.read();
        }
    }

    private static HandoverFaults telling(HandoverFaults faults) {
        return new HandoverFaults() {
            @Override
            public void at(Edge edge) throws HandoverException {
                if (edge == Edge.OUTGOING_RELEASED) {
                    say('l');
                }
                faults.at(edge);
            }

            @Override
            public Fault onSend(Section section) {
                return faults.onSend(section);
            }
        };
    }

    private static void attend(Datapath owner, Fd channel, HandoverOptions options) {
        Thread.ofPlatform().daemon().start(() -> {
            try {
                owner.standBy(channel, options);
            } catch (HandoverException e) {
                System.err.println("the standby has gone: " + e.getMessage());
            }
        });
    }

    private static void say(char word) {
        System.out.print(word);
        System.out.flush();
    }
}
