package dev.baton.tools.demo;

import dev.baton.tools.json.JsonWriter;
import dev.baton.tools.traffic.Arrivals;
import dev.baton.tools.traffic.Bulk;
import dev.baton.tools.traffic.Flow;
import dev.baton.tools.traffic.Station;
import dev.baton.tools.traffic.VirtioNic;
import dev.baton.vhostuser.ProtocolException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;

/**
 * The guest of the demo, in a process of its own: a virtio driver and a small host. It takes its orders from its
 * standard input, one a line, and reports on its standard output, one JSON document a line. When its input ends, its
 * parent has gone, and so does it.
 */
public final class DemoGuest {
    private static final int SPINS_BEFORE_SLEEP = 50;

    private final Queue<String> orders = new ConcurrentLinkedQueue<>();
    private final PrintStream out;
    private final VirtioNic nic;
    private final Station station;
    private boolean pinging;
    private @Nullable Bulk bulk;
    private boolean settled;

    private DemoGuest(VirtioNic nic, PrintStream out) {
        this.nic = nic;
        this.out = out;
        this.station = new Station(Plan.GUEST, Plan.FAR.ipv4(), nic.ports(), Plan.WINDOW);
    }

    /**
     * Connects to Baton and does what it is told until it is told to finish.
     *
     * @param socket the vhost-user socket
     * @param in     the orders
     * @param out    the reports
     * @throws ProtocolException when Baton refuses the connection
     */
    public static void run(Path socket, InputStream in, PrintStream out) throws ProtocolException {
        try (VirtioNic nic = VirtioNic.connect(socket, Plan.QUEUE_PAIRS)) {
            DemoGuest guest = new DemoGuest(nic, out);
            Thread.ofPlatform().daemon().name("guest-orders").start(() -> guest.listen(in));
            guest.report(Plan.READY, Map.of("features", nic.features()));
            guest.work();
        }
    }

    private void listen(InputStream in) {
        try (BufferedReader reader = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8))) {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                orders.add(line);
            }
        } catch (IOException e) {
            // The end of the orders, as good as any other.
        }
        orders.add(Plan.FINISH);
    }

    private void work() {
        int idle = 0;
        while (true) {
            String order = orders.poll();
            if (order != null && !obey(order.split(" "))) {
                return;
            }
            idle = step() == 0 ? idle + 1 : 0;
            if (idle > SPINS_BEFORE_SLEEP) {
                nic.await(1);
                idle = 0;
            }
        }
    }

    private int step() {
        long nowNs = System.nanoTime();
        if (pinging && station.pinger().done(nowNs)) {
            pinging = false;
            report(Plan.PINGED, Map.of("sent", station.pinger().sent(), "answered", station.pinger().answered(),
                    "roundTripNs", Latency.tree(station.pinger().roundTripNs())));
        }
        if (bulk != null) {
            station.sending(bulk.sending(nowNs));
            if (!settled && bulk.settled(nowNs)) {
                settled = true;
                report(Plan.SETTLED, Map.of());
            }
        }
        return station.step();
    }

    private boolean obey(String[] order) {
        switch (order[0]) {
            case Plan.PING -> {
                pinging = true;
                station.pinger().ping(Integer.parseInt(order[1]));
            }
            case Plan.BULK -> bulk = new Bulk(station.flows(), Long.parseLong(order[1]));
            case Plan.FINISH -> {
                Map<String, Object> result = new LinkedHashMap<>();
                result.put("sent", station.flows().stream().mapToLong(Flow::sentFrames).sum());
                result.put("arrivals", Arrivals.of(station.flows()).tree());
                result.put("arpAnswered", station.responder().arpAnswered());
                result.put("echoesAnswered", station.responder().echoesAnswered());
                report(Plan.DONE, result);
                return false;
            }
            default -> throw new IllegalArgumentException("no order: " + order[0]);
        }
        return true;
    }

    private void report(String event, Map<String, Object> content) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("event", event);
        line.putAll(content);
        out.println(JsonWriter.line(line));
        out.flush();
    }
}
