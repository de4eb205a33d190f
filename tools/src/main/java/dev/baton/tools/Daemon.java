package dev.baton.tools;

import dev.baton.datapath.Datapath;
import dev.baton.datapath.DatapathConfig;
import dev.baton.datapath.DatapathException;
import dev.baton.datapath.IdleMode;
import dev.baton.datapath.LoopbackPortConfig;
import dev.baton.datapath.NullPortConfig;
import dev.baton.datapath.Port;
import dev.baton.datapath.SocketMode;
import dev.baton.datapath.Takeover;
import dev.baton.datapath.TapPortConfig;
import dev.baton.datapath.VhostUserPortConfig;
import dev.baton.ffi.Sched;
import dev.baton.ffi.SyscallException;
import dev.baton.ffi.UnixSocket;
import dev.baton.handover.Attachment;
import dev.baton.tap.TapConfig;
import dev.baton.tools.control.ControlClient;
import dev.baton.tools.control.ControlServer;
import dev.baton.tools.options.PortSpec;
import dev.baton.tools.options.RunOptions;
import dev.baton.tools.options.TransferOptions;
import dev.baton.tools.options.WireSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** A datapath with its control socket: started as {@link RunOptions} ask for it, or taken over from another process. */
final class Daemon implements AutoCloseable {
    /** How long an end waits for a handover; less than {@link Termination} waits for the end. */
    private static final long SETTLE_MS = 15_000;

    private final Datapath datapath;
    private final @Nullable ControlServer control;
    private final @Nullable HandoverService handovers;

    private Daemon(Datapath datapath, @Nullable ControlServer control, TransferOptions transfer,
            Runnable handedOver) {
        this.datapath = datapath;
        this.control = control;
        if (control == null) {
            handovers = null;
        } else {
            handovers = new HandoverService(datapath, transfer, control, handedOver);
            control.serve(DaemonCommands.of(datapath, handovers));
        }
    }

    /**
     * Starts everything, or nothing: what was opened before a failure is closed again.
     *
     * @param handedOver told when another process has taken the datapath over
     */
    static Daemon start(RunOptions options, Runnable handedOver) {
        Path path = options.control();
        if (path != null) {
            claim(path);
        }
        int[] cpus = options.cpus().stream().mapToInt(Integer::intValue).toArray();
        checkCpus(cpus);
        Datapath datapath = Datapath.launch(DatapathConfig.defaults().withCpus(cpus)
                .withIdleMode(options.busy() ? IdleMode.BUSY : IdleMode.ADAPTIVE));
        try {
            Map<String, Port> ports = new HashMap<>();
            for (PortSpec spec : options.ports()) {
                ports.put(spec.name(), add(datapath, spec, options.transfer()));
            }
            for (WireSpec wire : options.wires()) {
                datapath.wire(named(ports, wire.a()), named(ports, wire.b()));
            }
            return new Daemon(datapath, path == null ? null : listen(path), options.transfer(), handedOver);
        } catch (RuntimeException e) {
            datapath.close();
            throw e;
        }
    }

    /** Goes on with a datapath that was taken over, and with its control socket. */
    static Daemon takenOver(Takeover takeover, TransferOptions transfer, Runnable handedOver) {
        Attachment control = HandoverService.controlOf(takeover.attachments());
        takeover.attachments().stream().filter(other -> !other.equals(control)).forEach(other -> other.fd().close());
        return new Daemon(takeover.datapath(),
                control == null ? null : ControlServer.adopt(Path.of(control.text()), control.fd()), transfer,
                handedOver);
    }

    /** What runs, one option a line. */
    List<String> describe() {
        List<String> lines = new ArrayList<>();
        datapath.ports().forEach(port -> lines.add("port = " + port.describe()));
        datapath.wires().forEach(wire -> lines.add("wire = " + wire.a().name() + "=" + wire.b().name()));
        if (control != null) {
            lines.add("control = " + control.path());
        }
        return lines;
    }

    private static void checkCpus(int[] cpus) {
        int[] allowed = Sched.affinity();
        for (int cpu : cpus) {
            if (Arrays.binarySearch(allowed, cpu) < 0) {
                throw new CommandFailure("--cpus: CPU " + cpu + " is not one of those that this process may run on: "
                        + Arrays.stream(allowed).mapToObj(String::valueOf).collect(Collectors.joining(",")));
            }
        }
    }

    private static Port named(Map<String, Port> ports, String name) {
        Port port = ports.get(name);
        if (port == null) {
            throw new IllegalArgumentException("no port " + name);
        }
        return port;
    }

    private static Port add(Datapath datapath, PortSpec spec, TransferOptions transfer) {
        return switch (spec) {
            case PortSpec.VhostUser it -> datapath.add(new VhostUserPortConfig(it.name(), it.path(),
                    it.listen() ? SocketMode.SERVER : SocketMode.CLIENT, it.queuePairs(), it.offloads(),
                    it.memoryLimitBytes(), it.coalescing(), transfer.device(it.backendTransfer())));
            case PortSpec.Tap it -> datapath.add(tap(it));
            case PortSpec.Loopback it -> datapath.add(new LoopbackPortConfig(it.name(), it.queuePairs()));
            case PortSpec.Null it -> datapath.add(new NullPortConfig(it.name(), it.queuePairs(), it.frameBytes()));
        };
    }

    private static TapPortConfig tap(PortSpec.Tap spec) {
        return new TapPortConfig(spec.name(), TapConfig.builder(spec.ifname()).queues(spec.queuePairs())
                .networkNamespace(spec.netns()).persistent(spec.persistent()).up(true).build(), spec.coalescing(),
                spec.ioUring());
    }

    /** Makes sure that a control socket can be made here: by name, before anything is opened. */
    private static void claim(Path path) {
        Path folder = path.toAbsolutePath().getParent();
        if (folder == null || !Files.isDirectory(folder)) {
            throw new CommandFailure("--control " + path + ": there is no directory " + folder);
        }
        if (!UnixSocket.removeStale(path, UnixSocket.SEQPACKET)) {
            throw new CommandFailure("--control " + path + ": " + occupant(path));
        }
    }

    private static String occupant(Path path) {
        try {
            int pid = ControlClient.pidBehind(path);
            return "a running Baton (pid " + pid + ") listens there";
        } catch (IOException e) {
            return "this exists already and is no control socket of Baton";
        }
    }

    private static ControlServer listen(Path path) {
        try {
            // What the next owner serves must not depend on the folder that this one was started in.
            return ControlServer.listen(path.toAbsolutePath());
        } catch (SyscallException e) {
            throw new DatapathException("--control " + path + ": " + e.getMessage(), e);
        }
    }

    @Override
    public void close() {
        if (handovers != null) {
            handovers.settle(SETTLE_MS);
        }
        if (control != null) {
            control.pause();
        }
        // The datapath first: it tells a standby, which holds the control socket too, that this end is in order.
        datapath.close();
        if (control != null) {
            control.close();
        }
    }
}
