package dev.baton.tools.demo;

import dev.baton.datapath.Blackout;
import dev.baton.datapath.Datapath;
import dev.baton.datapath.DatapathConfig;
import dev.baton.datapath.Port;
import dev.baton.ffi.Fd;
import dev.baton.ffi.Sched;
import dev.baton.ffi.UnixSocket;
import dev.baton.handover.HandoverException;
import dev.baton.tools.json.JsonReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.HdrHistogram.Histogram;

/**
 * The handovers of the demo: from process to process where there is a TAP; where there is none, from agent to agent,
 * because in-memory ports cannot leave their process.
 */
final class Handovers implements AutoCloseable {
    private static final int PATIENCE_SECONDS = 60;

    private final Path folder;
    private final BooleanSupplier stop;
    private final List<DemoProcess> owners = new ArrayList<>();
    private final List<Done> done = new ArrayList<>();
    private int begun;

    /**
     * Handovers of one kind.
     *
     * @param what       what changed, for people
     * @param blackoutNs the pauses of the lanes
     * @param brownoutNs how long it was prepared for
     */
    record Done(String what, Histogram blackoutNs, long brownoutNs) {
    }

    Handovers(Path folder, BooleanSupplier stop) {
        this.folder = folder;
        this.stop = stop;
    }

    /** One agent; two where there are CPUs for them and lanes can only move inside the process. */
    static DatapathConfig config(boolean inProcess) {
        int[] cpus = Sched.affinity();
        return inProcess && cpus.length > 1 ? DatapathConfig.defaults().withCpus(Arrays.copyOf(cpus, 2))
                : DatapathConfig.defaults();
    }

    /** Starts the processes that will take over: their JVMs are up before the traffic is. */
    void start() throws DemoException {
        for (int i = 0; i < Plan.TAKEOVERS; i++) {
            owners.add(DemoProcess.start("new owner's",
                    List.of("demo-owner", socket(i).toString(), socket(i + 1).toString())));
        }
        for (DemoProcess owner : owners) {
            owner.expect(Plan.STARTED, PATIENCE_SECONDS, stop);
        }
    }

    private Path socket(int number) {
        return folder.resolve("owner-" + number + ".sock");
    }

    /** Whether there is one more process to hand over to. */
    boolean hasNext() {
        return begun < owners.size();
    }

    /** The next process takes over: the first from this one, each other from the one before it. */
    void takeOver(Datapath datapath) throws DemoException {
        DemoProcess owner = owners.get(begun);
        if (begun == 0) {
            handOver(datapath, owner);
        } else {
            owner.order("take over");
        }
        Object report = owner.expect(Plan.OWNER, PATIENCE_SECONDS, stop);
        if (begun > 0) {
            owners.get(begun - 1).expect(Plan.RELIEVED, PATIENCE_SECONDS, stop);
        }
        begun++;
        Histogram blackout = new Histogram(3);
        if (JsonReader.at(report, "blackoutNs") instanceof List<?> lanes) {
            lanes.forEach(lane -> blackout.recordValue(((Number) lane).longValue()));
        }
        done.add(new Done("process " + JsonReader.number(report, "formerPid") + " to "
                + JsonReader.number(report, "pid"), blackout, JsonReader.number(report, "brownoutNs").longValue()));
    }

    private void handOver(Datapath datapath, DemoProcess owner) throws DemoException {
        try (Fd listener = UnixSocket.listen(socket(0), UnixSocket.STREAM, 0600, 1)) {
            owner.order("take over");
            Fd channel = UnixSocket.accept(listener, false);
            if (channel != null) {
                datapath.handOver(channel, DemoOwner.options());
            }
        } catch (HandoverException e) {
            throw new DemoException("the handover failed: " + e.getMessage());
        }
    }

    /** Both queue pairs of the port change their agent, again and again. */
    void move(Datapath datapath, Port port) {
        if (datapath.counters().agents().size() < 2) {
            return;
        }
        Histogram blackout = new Histogram(3);
        for (int i = 0; i < Plan.MOVES; i++) {
            int pair = i % port.queuePairs();
            int target = (i / port.queuePairs() + pair + 1) % 2;
            Blackout pause = datapath.move(port, pair, target);
            blackout.recordValue(pause.ns());
        }
        done.add(new Done(Plan.MOVES + " moves between two agents", blackout, 0));
    }

    List<Done> done() {
        return done;
    }

    /** Ends the owners, the last one with the datapath. */
    @Override
    public void close() throws IOException {
        owners.forEach(DemoProcess::close);
        for (int i = 0; i <= Plan.TAKEOVERS; i++) {
            Files.deleteIfExists(socket(i));
        }
    }
}
