package dev.baton.bench.compare;

import dev.baton.bench.BenchFailure;
import dev.baton.datapath.AgentStats;
import dev.baton.datapath.CountersSnapshot;
import dev.baton.tools.control.ControlClient;
import dev.baton.tools.control.ControlReply;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.regex.Pattern;

/** {@code baton run}, as a user starts it. */
final class BatonBackEnd implements BackEnd {
    private static final Pattern READY = Pattern.compile("baton: ready");

    private final Program program;
    private final Path control;
    private final String far;

    private BatonBackEnd(Program program, Path control, String far) {
        this.program = program;
        this.control = control;
        this.far = far;
    }

    /**
     * Starts it.
     *
     * @param launcher the {@code baton} script of a checkout
     * @param name     what its sockets and interfaces are called
     */
    static BatonBackEnd start(Path launcher, String name, Bench bench, Scene scene, int cpu) {
        List<String> command = new ArrayList<>();
        for (int i = 0; i < scene.clientPorts(); i++) {
            command.addAll(List.of("--port", "vhost-user:vm" + i + ",path=" + bench.socket(name, i)));
        }
        if (scene.tap()) {
            command.addAll(List.of("--port", "tap:" + name + ",netns=" + bench.namespace().path()));
        }
        if (scene.alone()) {
            String send = scene.kind() == Scene.Kind.SEND ? ",send=" + scene.frameBytes() : "";
            command.addAll(List.of("--port", "null:" + name + send));
        }
        command.addAll(List.of("--wire", "vm0=" + (scene.tap() || scene.alone() ? name : "vm1")));
        return start(launcher, name, bench, command, cpu);
    }

    /** Starts it with a TAP in each of two namespaces. */
    static BatonBackEnd startTaps(Path launcher, String name, Bench bench, Namespace left, Namespace right, int cpu) {
        String a = TcpTransfer.left(name);
        String b = TcpTransfer.right(name);
        return start(launcher, name, bench, List.of("--port", "tap:" + a + ",netns=" + left.path(),
            "--port", "tap:" + b + ",netns=" + right.path(), "--wire", a + "=" + b), cpu);
    }

    /** Starts it with one vhost-user port and one TAP, as it is when nobody says how it is to idle and where to run. */
    static BatonBackEnd startUnbound(Path launcher, String name, Bench bench, Namespace host) {
        return start(launcher, name, bench, LineUp.BOTH_CPUS, List.of(
            "--port", "vhost-user:vm0,path=" + bench.socket(name, 0),
            "--port", "tap:" + name + ",netns=" + host.path(), "--wire", "vm0=" + name));
    }

    private static BatonBackEnd start(Path launcher, String name, Bench bench, List<String> ports, int cpu) {
        List<String> options = new ArrayList<>(List.of("--cpus", String.valueOf(cpu), "--idle", "busy"));
        options.addAll(ports);
        return start(launcher, name, bench, String.valueOf(cpu), options);
    }

    private static BatonBackEnd start(Path launcher, String name, Bench bench, String cpus, List<String> options) {
        Path control = bench.socket(name + "-control", 0);
        List<String> command = new ArrayList<>(List.of(launcher.toString(), "run", "--control", control.toString()));
        command.addAll(options);
        Program program = bench.start(name, cpus, command);
        try {
            program.await(READY, 0, 120);
        } catch (BenchFailure e) {
            program.close();
            throw e;
        }
        return new BatonBackEnd(program, control, name);
    }

    @Override
    public void forward() {
        // It does from the start.
    }

    @Override
    public Cost cost() {
        List<AgentStats> agents = counters().agents();
        return new Cost(agents.stream().mapToLong(AgentStats::busyNs).sum(),
            agents.stream().mapToLong(AgentStats::frames).sum());
    }

    /** By its own count: of frames that are to be cut again the kernel counts one. */
    @Override
    public long taken() {
        return Objects.requireNonNull(counters().ports().get(far)).tx().frames();
    }

    private CountersSnapshot counters() {
        try (ControlClient client = ControlClient.connect(control); ControlReply reply = client.ask("counters")) {
            return CountersSnapshot.read(reply.descriptors().getFirst());
        } catch (IOException e) {
            throw new BenchFailure("Baton does not answer: " + e.getMessage(), e);
        }
    }

    @Override
    public void pause() {
        program.pause();
    }

    @Override
    public void resume() {
        program.resume();
    }

    @Override
    public void close() {
        program.close();
    }
}
