package dev.baton.tools.demo;

import dev.baton.datapath.Blackout;
import dev.baton.datapath.Datapath;
import dev.baton.datapath.HandoverOptions;
import dev.baton.datapath.Takeover;
import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.Poll;
import dev.baton.ffi.UnixSocket;
import dev.baton.handover.HandoverException;
import dev.baton.tools.json.JsonWriter;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The next owner of the demo's datapath, in a process of its own. At the first line of its input it takes the datapath
 * over from whoever listens on one socket; it reports, and hands it over to whoever comes to another. When its input
 * ends it ends, and the datapath with it if it is still its own.
 */
public final class DemoOwner {
    private static final int LOOK_MS = 20;

    private DemoOwner() {
    }

    /** What both owners of a handover in the demo say. */
    static HandoverOptions options() {
        return HandoverOptions.defaults().withBackendTransfer(true).withRehearsals(Plan.REHEARSALS);
    }

    /**
     * Takes over, reports, hands over.
     *
     * @param former the socket of the owner before this one
     * @param next   the socket for the owner after this one; made here
     * @param in     a line to begin, the end of it to end
     * @param out    the reports
     * @throws HandoverException when either handover fails
     * @throws IOException       when the input cannot be read
     */
    public static void run(Path former, Path next, InputStream in, PrintStream out)
            throws HandoverException, IOException {
        report(out, Plan.STARTED, Map.of());
        in.read();
        Takeover takeover = Datapath.takeOver(UnixSocket.connect(former, UnixSocket.STREAM), options());
        try (Datapath datapath = takeover.datapath(); Fd listener = listen(next)) {
            report(out, Plan.OWNER, tree(takeover));
            Fd relief = awaitRelief(listener, in);
            if (relief != null) {
                datapath.handOver(relief, options());
                report(out, Plan.RELIEVED, Map.of());
            }
        } finally {
            Files.deleteIfExists(next);
        }
    }

    private static Fd listen(Path path) {
        Fd listener = UnixSocket.listen(path, UnixSocket.STREAM, 0600, 1);
        FileIo.setNonBlocking(listener, true);
        return listener;
    }

    /** The next owner's connection, or null at the end of the input. */
    private static @Nullable Fd awaitRelief(Fd listener, InputStream in) throws IOException {
        Thread reader = Thread.ofPlatform().daemon().start(() -> drain(in));
        while (reader.isAlive()) {
            if (Poll.await(listener, Poll.IN, LOOK_MS) != 0) {
                return UnixSocket.accept(listener, false);
            }
        }
        return null;
    }

    private static void drain(InputStream in) {
        try {
            in.transferTo(PrintStream.nullOutputStream());
        } catch (IOException e) {
            // As good an end as any other.
            return;
        }
    }

    private static Map<String, Object> tree(Takeover takeover) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("pid", ProcessHandle.current().pid());
        tree.put("formerPid", takeover.report().formerPid());
        tree.put("blackoutNs", takeover.report().blackouts().stream().map(Blackout::ns).toList());
        tree.put("brownoutNs", takeover.report().brownoutNs());
        return tree;
    }

    private static void report(PrintStream out, String event, Map<String, Object> content) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("event", event);
        line.putAll(content);
        out.println(JsonWriter.line(line));
        out.flush();
    }
}
