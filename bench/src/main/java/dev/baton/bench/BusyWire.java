package dev.baton.bench;

import dev.baton.datapath.Datapath;
import dev.baton.datapath.DatapathConfig;
import dev.baton.datapath.IdleMode;
import dev.baton.datapath.MemoryDriver;
import dev.baton.datapath.MemoryPort;
import dev.baton.datapath.MemoryPortConfig;
import dev.baton.ffi.Sched;
import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;

/** A datapath that joins two in-memory ports, and a thread that sends frames on all queue pairs, both ways. */
final class BusyWire implements AutoCloseable {
    private static final int FRAME_BYTES = 64;
    private static final int FRAMES = 8;
    private static final long NAP_NS = 100_000;

    final Datapath datapath;
    final MemoryPort port;
    private final MemoryPort peer;
    private final Thread traffic = Thread.ofPlatform().daemon().name("traffic").unstarted(this::run);
    private volatile boolean stopped;

    /** An agent on each of the first two CPUs, or on the one that there is. */
    BusyWire(int queuePairs) {
        int[] cpus = Sched.affinity();
        datapath = Datapath.launch(DatapathConfig.defaults().withIdleMode(IdleMode.ADAPTIVE)
            .withCpus(Arrays.copyOf(cpus, Math.min(2, cpus.length))));
        port = datapath.add(MemoryPortConfig.named("a").withQueuePairs(queuePairs));
        peer = datapath.add(MemoryPortConfig.named("b").withQueuePairs(queuePairs));
        datapath.wire(port, peer);
        traffic.start();
    }

    private void run() {
        byte[] frame = new byte[FRAME_BYTES];
        while (!stopped) {
            for (int pair = 0; pair < port.queuePairs(); pair++) {
                exchange(port.driver(pair), peer.driver(pair), frame);
            }
            LockSupport.parkNanos(NAP_NS);
        }
    }

    private static void exchange(MemoryDriver a, MemoryDriver b, byte[] frame) {
        for (int i = 0; i < FRAMES; i++) {
            a.send(frame, 0, frame.length);
            b.send(frame, 0, frame.length);
        }
        a.receive((address, lengthBytes) -> { }, 2 * FRAMES);
        b.receive((address, lengthBytes) -> { }, 2 * FRAMES);
    }

    @Override
    public void close() {
        stopped = true;
        try {
            traffic.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        datapath.close();
    }
}
