package dev.baton.bench.handover;

import dev.baton.datapath.Blackout;
import dev.baton.datapath.Datapath;
import dev.baton.datapath.DatapathConfig;
import dev.baton.datapath.HandoverOptions;
import dev.baton.datapath.Snapshot;
import dev.baton.datapath.Standby;
import dev.baton.datapath.Takeover;
import dev.baton.ffi.Fd;
import dev.baton.ffi.UnixSocket;
import dev.baton.handover.Edge;
import dev.baton.handover.HandoverException;
import dev.baton.handover.HandoverFaults;
import dev.baton.tools.json.JsonWriter;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A process that owns the datapath now and then. It does what its input says, a line at a time, and answers each with
 * a line of JSON:
 *
 * <pre>
 *   launch A B LANES   makes the datapath: the guest's port on socket A, wired to the {@link FarEnd} B
 *   take SOCKET        takes it over from the process that listens there
 *   give               hands it over to the next process that comes to this one's own socket
 *   attend             from now on, serves the next process that comes there as its standby
 *   stand SOCKET       stands by for the process that attends there; answers once more when it has gone on in its place
 * </pre>
 *
 * <p>At the end of the input it ends, with what it owns.
 */
public final class Owner {
    /** The first frame after a handover has long come by then, under any load that is one. */
    private static final long SETTLED_NS = TimeUnit.MILLISECONDS.toNanos(20);

    private static final int WARM_REHEARSALS = 500;

    private static final long HEARTBEAT_MS = 2_000;

    private final Path socket;
    private final Fd listener;
    private @Nullable Datapath datapath;
    private boolean rehearsed;

    private Owner(Path socket) {
        this.socket = socket;
        this.listener = UnixSocket.listen(socket, UnixSocket.STREAM, 0600, 1);
    }

    /** One argument: the path of the process's own socket, made here. */
    public static void main(String[] arguments) throws IOException {
        Owner owner = new Owner(Path.of(arguments[0]));
        try {
            say(Map.of("ready", ProcessHandle.current().pid()));
            owner.obey();
        } finally {
            owner.end();
        }
    }

    private void obey() throws IOException {
        BufferedReader orders = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = orders.readLine(); line != null; line = orders.readLine()) {
            List<String> words = List.of(line.split(" ", -1));
            try {
                say(switch (words.getFirst()) {
                    case "launch" -> launch(words);
                    case "take" -> take(Path.of(words.get(1)));
                    case "give" -> give();
                    case "attend" -> attend();
                    case "stand" -> stand(Path.of(words.get(1)));
                    default -> throw new IllegalArgumentException(line);
                });
            } catch (HandoverException | RuntimeException e) {
                say(Map.of("error", String.valueOf(e.getMessage())));
            }
        }
    }

    private static void say(Map<String, ?> answer) {
        System.out.println(JsonWriter.line(answer));
        System.out.flush();
    }

    private Map<String, Object> launch(List<String> words) {
        int lanes = Integer.parseInt(words.get(3));
        Datapath launched = Datapath.launch(DatapathConfig.defaults());
        datapath = launched;
        FarEnd.parse(words.get(2)).wire(launched, Path.of(words.get(1)), lanes);
        return Map.of("launched", lanes);
    }

    /** A process that has changed hands before has its code compiled. */
    private HandoverOptions options(HandoverFaults window) {
        HandoverOptions options = HandoverOptions.defaults().withBackendTransfer(true).withFaults(window);
        return rehearsed ? options.withRehearsals(WARM_REHEARSALS) : options;
    }


    private Map<String, Object> take(Path former) throws HandoverException {
        Window window = new Window(Edge.INCOMING_CLAIMING, Edge.INCOMING_CLAIMED);
        Takeover takeover = Datapath.takeOver(UnixSocket.connect(former, UnixSocket.STREAM), options(window));
        datapath = takeover.datapath();
        rehearsed = true;
        LockSupport.parkNanos(SETTLED_NS);
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("blackouts", blackouts(takeover.datapath()));
        answer.put("brownoutNs", takeover.report().brownoutNs());
        answer.putAll(window.tree());
        return answer;
    }

    private static List<List<Long>> blackouts(Datapath datapath) {
        return datapath.snapshot().wires().stream().flatMap(wire -> wire.lanes().stream())
            .map(Snapshot.LaneView::lastBlackout).map(Owner::times).toList();
    }

    private static List<Long> times(@Nullable Blackout blackout) {
        Blackout known = Objects.requireNonNull(blackout, "a lane that changed its owner says when");
        return List.of(known.ns(), known.firstFrameNs() == 0 ? -1 : known.firstFrameNs() - known.releasedNs());
    }

    private Map<String, Object> give() throws HandoverException {
        Window window = new Window(Edge.OUTGOING_RELEASE, Edge.OUTGOING_RELEASED);
        Fd channel = Objects.requireNonNull(UnixSocket.accept(listener, false));
        Objects.requireNonNull(datapath, "nothing to give").handOver(channel, options(window));
        rehearsed = true;
        datapath = null;
        return window.tree();
    }

    private Map<String, Object> attend() {
        Datapath attended = Objects.requireNonNull(datapath, "nothing to stand by for");
        Thread.ofPlatform().daemon().name("standby-link").start(() -> {
            try {
                Fd channel = Objects.requireNonNull(UnixSocket.accept(listener, false));
                attended.standBy(channel, options(HandoverFaults.NONE));
            } catch (HandoverException e) {
                System.err.println("owner: the standby has gone: " + e.getMessage());
            }
        });
        return Map.of("attending", ProcessHandle.current().pid());
    }

    private Map<String, Object> stand(Path active) throws HandoverException {
        try (Standby standby = Standby.attach(UnixSocket.connect(active, UnixSocket.STREAM),
                options(HandoverFaults.NONE))) {
            say(Map.of("standing", standby.ownerPid()));
            if (!(standby.await(HEARTBEAT_MS) instanceof Standby.Ending.Seized seized)) {
                throw new IllegalStateException("the active process was not killed");
            }
            datapath = seized.takeover().datapath();
            LockSupport.parkNanos(SETTLED_NS);
            return Map.of("blackouts", blackouts(seized.takeover().datapath()));
        }
    }

    private void end() throws IOException {
        Datapath owned = datapath;
        if (owned != null) {
            owned.close();
        }
        listener.close();
        Files.deleteIfExists(socket);
    }

    /** The time in which lanes change their owner, between two edges of the handover. */
    private static final class Window implements HandoverFaults {
        private final Edge from;
        private final Edge to;
        private @Nullable NoiseMeter meter;
        private @Nullable Noise before;
        private @Nullable Noise after;

        Window(Edge from, Edge to) {
            this.from = from;
            this.to = to;
        }

        @Override
        public void at(Edge edge) {
            if (edge == from) {
                meter = new NoiseMeter();
                before = meter.now();
            } else if (edge == to && meter != null) {
                after = meter.now();
            }
        }

        Map<String, Object> tree() {
            Noise noise = Objects.requireNonNull(after).since(Objects.requireNonNull(before));
            return Map.of("switches", noise.switches(), "stealTicks", noise.stealTicks());
        }
    }
}
