package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.tap.TapConfig;
import dev.baton.vhostuser.ProtocolException;
import dev.baton.virtqueue.Features;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;

/**
 * A datapath with a wire of every kind that can change its owner, and traffic on each of them that never stops. Guests
 * b and c have packed virtqueues.
 *
 * <pre>
 *   guest a &lt;-- a | b --&gt; guest b          guest c &lt;-- c | t0 --&gt; kernel, queue 1 detached
 *   guest d &lt;-- d | loop --&gt; itself
 * </pre>
 */
final class HandoverWorld implements AutoCloseable {
    static final HandoverOptions OPTIONS =
        HandoverOptions.defaults().withBackendTransfer(true).withRehearsals(0).withTimeoutMs(20_000);
    static final long TAP_FEATURES = TestGuest.PACKED | Features.CSUM | Features.GUEST_CSUM;
    static final Carried ALL = new Carried(6, 3, 3, 4, 8, 4, 3, List.of());

    private static final int PROGRESS = 50;

    private final TestNamespace namespace = TestNamespace.createOrSkip();
    private final SequencedFrames there = new SequencedFrames();
    private final SequencedFrames back = new SequencedFrames();
    private final SequencedFrames mirrored = new SequencedFrames();
    private final List<TestGuest> guests;
    private final KernelTraffic kernel;
    private final CompletableFuture<Void> done = new CompletableFuture<>();
    private Datapath owner = Datapath.launch(DatapathConfig.defaults());
    private volatile boolean finishing;
    private volatile boolean stopped;
    private volatile long slowest;

    HandoverWorld() throws ProtocolException {
        this(4000, true);
    }

    /** With frames from the TAP that fit one buffer of the guest each, or do not, and with io_uring or without. */
    HandoverWorld(int mtu, boolean ioUring) throws ProtocolException {
        VhostUserPort a = owner.add(VhostUserPortConfig.listen("a", TestSockets.path("a")));
        VhostUserPort b = owner.add(VhostUserPortConfig.listen("b", TestSockets.path("b")));
        VhostUserPort c = owner.add(VhostUserPortConfig.listen("c", TestSockets.path("c")));
        VhostUserPort d = owner.add(VhostUserPortConfig.listen("d", TestSockets.path("d")));
        TapPort tap = owner.add(new TapPortConfig("t0", TapConfig.builder("t0").queues(2).mtu(mtu).up(true)
            .networkNamespace(namespace.path()).build()).withIoUring(ioUring));
        LoopbackPort loop = owner.add(LoopbackPortConfig.named("loop"));
        owner.wire(a, b);
        owner.wire(c, tap);
        owner.wire(d, loop);
        guests = List.of(TestGuest.connect(a.socketPath()), TestGuest.connect(b.socketPath(), 1,
            TestGuest.PACKED | Features.IN_ORDER),
            TestGuest.connect(c.socketPath(), 1, TAP_FEATURES), TestGuest.connect(d.socketPath()));
        kernel = new KernelTraffic(namespace, "t0", guests.get(2));
        Thread.ofPlatform().daemon().start(this::play);
    }

    private void play() {
        try {
            while (!stopped && !(finishing && complete())) {
                if (!finishing) {
                    there.send(guests.get(0), 0, 60);
                    back.send(guests.get(1), 0, 1000);
                    mirrored.send(guests.get(3), 0, 200);
                    kernel.send();
                }
                guests.get(1).receive(0, there);
                guests.get(0).receive(0, back);
                guests.get(3).receive(0, mirrored);
                kernel.receive();
                slowest = Math.min(Math.min(there.received(), back.received()),
                    Math.min(mirrored.received(), kernel.received()));
            }
            done.complete(null);
        } catch (RuntimeException e) {
            done.completeExceptionally(e);
        }
    }

    private boolean complete() {
        return there.received() == there.sent() && back.received() == back.sent()
            && mirrored.received() == mirrored.sent() && kernel.complete();
    }

    Datapath owner() {
        return owner;
    }

    /** Hands over without faults. */
    Takeover handOver(HandoverOptions outgoing, HandoverOptions incoming) {
        OwnerPair pair = OwnerPair.start(owner, outgoing, incoming);
        pair.await();
        return taken(pair);
    }

    /** The end of a handover that must have succeeded. */
    Takeover taken(OwnerPair pair) {
        Takeover takeover = pair.incoming().join();
        owner = takeover.datapath();
        return takeover;
    }

    TapKernelState tap() {
        return TapKernelState.of(owner, "t0");
    }

    TapPort tapPort() {
        return (TapPort) Objects.requireNonNull(owner.port("t0"));
    }

    /** Waits until some more frames have arrived on every wire. */
    void awaitProgress() {
        long before = slowest;
        while (slowest < before + PROGRESS && !done.isDone()) {
            Thread.onSpinWait();
        }
    }

    /** Sends no more and checks that every frame came, once, in order, whole. */
    void finish() {
        finishing = true;
        done.join();
        assertThat(List.of(there.received(), back.received(), mirrored.received(), kernel.received()))
            .as("frames on each wire").allMatch(frames -> frames > 0);
        assertThat(List.of(there.wrong(), back.wrong(), mirrored.wrong(), kernel.wrong()))
            .as("frames lost, repeated, out of order or damaged, on each wire").containsOnly(0L);
    }

    @Override
    public void close() {
        stopped = true;
        done.handle((nothing, problem) -> "over").join();
        guests.forEach(TestGuest::close);
        kernel.close();
        owner.close();
        namespace.close();
    }
}
