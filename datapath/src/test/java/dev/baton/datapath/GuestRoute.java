package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.tap.TapConfig;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.function.IntUnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Two vhost-user ports, and a way for frames from the guest behind one to the guest behind the other, such that every
 * byte can be compared.
 *
 * <pre>
 *   DIRECT    one = two                                               guest to guest
 *   BRIDGED   one = t0 -- bridge -- t1 = two                          guest to TAP, TAP to guest
 *   RELAYED   one = t0 -- bridge -- t1 = t2 -- bridge -- t3 = two     TAP to TAP as well
 * </pre>
 */
final class GuestRoute implements AutoCloseable {
    /** Below what the queue of a TAP holds. */
    private static final int WINDOW = 64;

    final Datapath datapath = Datapath.launch(DatapathConfig.defaults().withName("test"));
    final VhostUserPort one;
    final VhostUserPort two;
    private final Path folder;
    private final @Nullable TestNamespace namespace;
    private final Way way;
    private final int mtu;
    private final int pairs;

    /** Which way frames go. */
    enum Way {
        DIRECT, BRIDGED, RELAYED
    }

    GuestRoute(Way way, int mtu, int pairs) {
        this(way, mtu, pairs, false);
    }

    /** Direct, with frames of one flow joined for the guest behind {@code two}, or not. */
    GuestRoute(boolean coalescing) {
        this(Way.DIRECT, 1500, 1, coalescing);
    }

    private GuestRoute(Way way, int mtu, int pairs, boolean coalescing) {
        this.way = way;
        this.mtu = mtu;
        this.pairs = pairs;
        try {
            folder = Files.createTempDirectory("route");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        TestNamespace where = way == Way.DIRECT ? null : TestNamespace.createOrSkip();
        namespace = where;
        one = datapath.add(VhostUserPortConfig.listen("one", folder.resolve("one")).withQueuePairs(pairs));
        two = datapath.add(VhostUserPortConfig.listen("two", folder.resolve("two")).withQueuePairs(pairs)
            .withCoalescing(coalescing));
        if (where == null) {
            datapath.wire(one, two);
        } else if (way == Way.BRIDGED) {
            datapath.wire(one, tap(where, "t0"));
            datapath.wire(two, tap(where, "t1"));
            bridge(where, "br0", "t0", "t1");
        } else {
            datapath.wire(one, tap(where, "t0"));
            datapath.wire(tap(where, "t1"), tap(where, "t2"));
            datapath.wire(two, tap(where, "t3"));
            bridge(where, "br0", "t0", "t1");
            bridge(where, "br1", "t2", "t3");
        }
    }

    private TapPort tap(TestNamespace where, String name) {
        return datapath.add(new TapPortConfig(name, TapConfig.builder(name).queues(pairs).mtu(mtu)
            .networkNamespace(where.path()).up(true).build()));
    }

    private static void bridge(TestNamespace where, String name, String left, String right) {
        where.ip("link", "add", name, "type", "bridge", "mcast_snooping", "0");
        where.ip("link", "set", left, "master", name);
        where.ip("link", "set", right, "master", name);
        where.ip("link", "set", name, "up");
    }

    /** Sends so many frames and fails unless all arrive, in order and byte for byte. */
    void transfer(TestGuest from, TestGuest to, int pair, int count, IntUnaryOperator length) {
        transfer(from, to, pair, count, length, new SequencedFrames());
    }

    /** The same with frames of one's own. */
    void transfer(TestGuest from, TestGuest to, int pair, int count, IntUnaryOperator length, SequencedFrames frames) {
        while (frames.received() < count) {
            if (frames.sent() < count && frames.sent() - frames.received() < WINDOW) {
                frames.send(from, pair, length.applyAsInt((int) frames.sent()));
            }
            to.receive(pair, frames);
            if (Thread.interrupted()) {
                throw new AssertionError(frames.received() + " of " + frames.sent() + " frames arrived: "
                    + datapath.counters().ports());
            }
        }
        assertThat(frames.wrong()).isZero();
    }

    PortStats stats(String port) {
        return Objects.requireNonNull(datapath.counters().ports().get(port));
    }

    /** All drops at all ports. */
    long drops() {
        return datapath.counters().ports().values().stream().mapToLong(s -> s.rx().drops() + s.tx().drops()).sum();
    }

    @Override
    public void close() {
        datapath.close();
        if (namespace != null) {
            namespace.close();
        }
        folder.toFile().delete();
    }

    @Override
    public String toString() {
        return way + ", MTU " + mtu;
    }
}
