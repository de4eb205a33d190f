package dev.baton.tools;

import dev.baton.datapath.Datapath;
import dev.baton.datapath.DatapathConfig;
import dev.baton.datapath.DatapathException;
import dev.baton.datapath.IdleMode;
import dev.baton.datapath.LoopbackPortConfig;
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
import dev.baton.tools.control.ControlCommand;
import dev.baton.tools.control.ControlServer;
import dev.baton.tools.options.PortSpec;
import dev.baton.tools.options.RunOptions;
import dev.baton.tools.options.TransferOptions;
import dev.baton.tools.options.WireSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** A datapath with its control socket: started as {@link RunOptions} ask for it, or taken over from another process. */
final class Daemon implements AutoCloseable {
    private final Datapath datapath;
    private final @Nullable ControlServer control;

    private Daemon(Datapath datapath, @Nullable ControlServer control) {
        this.datapath = datapath;
        this.control = control;
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
            HandoverService handovers = new HandoverService(datapath, options.transfer(), handedOver);
            return new Daemon(datapath, path == null ? null : listen(path, datapath, handovers));
        } catch (RuntimeException e) {
            datapath.close();
            throw e;
        }
    }

    /** Goes on with a datapath that was taken over, and with its control socket. */
    static Daemon takenOver(Takeover takeover, TransferOptions transfer, Runnable handedOver) {
        HandoverService handovers = new HandoverService(takeover.datapath(), transfer, handedOver);
        Attachment control = HandoverService.controlOf(takeover.attachments());
        ControlServer server = null;
        if (control != null) {
            server = ControlServer.adopt(Path.of(control.text()), control.fd(),
                    DaemonCommands.of(takeover.datapath(), handovers));
            handovers.servedBy(server);
        }
        return new Daemon(takeover.datapath(), server);
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
                    transfer.device(it.backendTransfer())));
            case PortSpec.Tap it -> datapath.add(tap(it));
            case PortSpec.Loopback it -> datapath.add(new LoopbackPortConfig(it.name(), it.queuePairs()));
        };
    }

    private static TapPortConfig tap(PortSpec.Tap spec) {
        return new TapPortConfig(spec.name(), TapConfig.builder(spec.ifname()).queues(spec.queuePairs())
                .networkNamespace(spec.netns()).persistent(spec.persistent()).up(true).build());
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

    private static ControlServer listen(Path path, Datapath datapath, HandoverService handovers) {
        try {
            List<ControlCommand> commands = DaemonCommands.of(datapath, handovers);
            // What the next owner serves must not depend on the folder that this one was started in.
            ControlServer server = ControlServer.start(path.toAbsolutePath(), commands);
            handovers.servedBy(server);
            return server;
        } catch (SyscallException e) {
            throw new DatapathException("--control " + path + ": " + e.getMessage(), e);
        }
    }

    @Override
    public void close() {
        if (control != null) {
            control.close();
        }
        datapath.close();
    }
}
