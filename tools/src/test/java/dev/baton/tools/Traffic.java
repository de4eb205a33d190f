package dev.baton.tools;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.Fd;
import dev.baton.ffi.NetDevice;
import dev.baton.ffi.NetworkNamespace;
import dev.baton.tools.traffic.Arrivals;
import dev.baton.tools.traffic.DatagramFlows;
import dev.baton.tools.traffic.Endpoint;
import dev.baton.tools.traffic.Flow;
import dev.baton.tools.traffic.Station;
import dev.baton.tools.traffic.VirtioNic;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** Numbered frames in both directions between two ends, each on a thread of its own, for tests. */
final class Traffic implements AutoCloseable {
    private static final Endpoint GUEST = new Endpoint(0x02_00_00_00_00_0AL, 0xC0_00_02_0A);
    private static final Endpoint FAR = new Endpoint(0x02_00_00_00_00_0BL, 0xC0_00_02_0B);
    /** More than two bursts, so that the loss of one does not stop a flow. */
    private static final int WINDOW = 100;
    private static final int PREFIX = 24;
    private static final int SPINS = 50;
    private static final long PATIENCE_NS = TimeUnit.SECONDS.toNanos(60);

    private final Runner near;
    private final Runner far;

    private Traffic(Callable<End> near, Callable<End> far) throws InterruptedException {
        this.near = new Runner(near);
        this.far = new Runner(far);
        await("both ends are there", () -> this.near.ready && this.far.ready);
        this.near.sending = true;
        this.far.sending = true;
    }

    /** Between two guests. */
    static Traffic betweenGuests(Path a, Path b, int pairs) throws InterruptedException {
        return new Traffic(() -> new Guest(GUEST, FAR, a, pairs), () -> new Guest(FAR, GUEST, b, pairs));
    }

    /** Between a guest and the kernel behind a TAP in a namespace. */
    static Traffic withKernel(Path guest, Fd namespace, String tap, int pairs) throws InterruptedException {
        return new Traffic(() -> new Guest(GUEST, FAR, guest, pairs), () -> new Kernel(namespace, tap, pairs));
    }

    /** Waits until so many more frames have crossed in both directions. */
    void awaitFrames(int more) throws InterruptedException {
        long nearGoal = near.acknowledged + more;
        long farGoal = far.acknowledged + more;
        await(more + " more frames", () -> near.acknowledged >= nearGoal && far.acknowledged >= farGoal);
    }

    /** Ends the sending; everything must have arrived, once and in order. Returns what the near end had sent. */
    long assertPerfect() throws InterruptedException {
        near.sending = false;
        far.sending = false;
        await("everything arrived", () -> near.settled() && far.settled());
        close();
        for (Runner end : List.of(near, far)) {
            String where = end == near ? " at the near end" : " at the far end";
            assertThat(end.arrivals().duplicated()).as("duplicated" + where).isZero();
            assertThat(end.arrivals().reordered()).as("reordered" + where).isZero();
            assertThat(end.arrivals().corrupted()).as("corrupted" + where).isZero();
        }
        assertThat(far.arrivals().frames()).isEqualTo(near.sent);
        assertThat(near.arrivals().frames()).isEqualTo(far.sent);
        return near.sent;
    }

    private void await(String what, Callable<Boolean> condition) throws InterruptedException {
        long deadline = System.nanoTime() + PATIENCE_NS;
        while (!met(condition)) {
            for (Runner runner : List.of(near, far)) {
                assertThat(runner.failure).as(what).isNull();
            }
            assertThat(System.nanoTime()).as("%s; near %s, far %s", what, near, far).isLessThan(deadline);
            Thread.sleep(1);
        }
    }

    private static boolean met(Callable<Boolean> condition) {
        try {
            return condition.call();
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    @Override
    public void close() {
        near.end();
        far.end();
    }

    /** One end of the traffic. */
    private interface End {
        int step() throws Exception;

        boolean ready();

        void sending(boolean on);

        void sleep() throws Exception;

        List<Flow> flows();

        void close();
    }

    private static final class Runner {
        private final Thread thread;
        private volatile boolean ready;
        private volatile boolean sending;
        private volatile boolean ended;
        private volatile long sent;
        private volatile long acknowledged;
        private volatile @Nullable Throwable failure;
        private volatile @Nullable Arrivals result;

        Runner(Callable<End> opening) {
            thread = Thread.ofPlatform().daemon().start(() -> {
                try {
                    run(opening.call());
                } catch (Exception | Error e) {
                    failure = e;
                }
            });
        }

        private void run(End end) throws Exception {
            int idle = 0;
            while (!ended) {
                end.sending(sending);
                idle = end.step() == 0 ? idle + 1 : 0;
                sent = end.flows().stream().mapToLong(Flow::sentFrames).sum();
                acknowledged = end.flows().stream().mapToLong(Flow::acknowledgedFrames).sum();
                ready = ready || end.ready();
                if (idle > SPINS) {
                    end.sleep();
                }
            }
            result = Arrivals.of(end.flows());
            end.close();
        }

        boolean settled() {
            return acknowledged == sent;
        }

        Arrivals arrivals() {
            return Objects.requireNonNull(result, "the end has not ended");
        }

        void end() {
            ended = true;
            while (thread.isAlive()) {
                LockSupport.parkNanos(100_000);
            }
        }

        @Override
        public String toString() {
            return "ready " + ready + ", " + sent + " sent, " + acknowledged + " acknowledged";
        }
    }

    private static final class Guest implements End {
        private final VirtioNic nic;
        private final Station station;

        Guest(Endpoint self, Endpoint peer, Path socket, int pairs) throws Exception {
            nic = VirtioNic.connect(socket, pairs);
            station = new Station(self, peer.ipv4(), nic.ports(), WINDOW);
            station.pinger().ping(1);
        }

        @Override
        public int step() {
            return station.step();
        }

        @Override
        public boolean ready() {
            if (station.pinger().done(System.nanoTime()) && station.pinger().answered() == 0) {
                station.pinger().ping(1);
            }
            return station.pinger().answered() > 0;
        }

        @Override
        public void sending(boolean on) {
            station.sending(on);
        }

        @Override
        public void sleep() {
            nic.await(1);
        }

        @Override
        public List<Flow> flows() {
            return station.flows();
        }

        @Override
        public void close() {
            nic.close();
        }
    }

    private static final class Kernel implements End {
        private final DatagramFlows flows;

        Kernel(Fd namespace, String tap, int pairs) throws Exception {
            NetworkNamespace.enter(namespace);
            NetDevice.up("lo", true);
            NetDevice.ipv4Address(tap, FAR.address(), PREFIX);
            flows = DatagramFlows.open(FAR, GUEST, pairs, WINDOW);
        }

        @Override
        public int step() throws Exception {
            return flows.step();
        }

        @Override
        public boolean ready() {
            return true;
        }

        @Override
        public void sending(boolean on) {
            flows.sending(on);
        }

        @Override
        public void sleep() throws Exception {
            flows.await(1);
        }

        @Override
        public List<Flow> flows() {
            return flows.flows();
        }

        @Override
        public void close() {
            flows.close();
        }
    }
}
