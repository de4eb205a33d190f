package dev.baton.datapath;

import dev.baton.coalesce.Coalescer;
import dev.baton.ffi.EventFd;
import dev.baton.tap.LoopbackDevice;
import dev.baton.tap.TapException;
import dev.baton.tap.TapQueue;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.VirtioNetHeader;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;

/**
 * A handover rehearsed on rings of one's own, again and again, so that everything which happens in a real one has been
 * compiled and its classes loaded: the first handover of a process would otherwise be interpreted, and take a hundred
 * times as long.
 *
 * <p>Two agents, both played by the calling thread, hand lanes to and fro, for each kind of transfer and each format of
 * a virtqueue, with frames on the way:
 *
 * <pre>
 *   driver a = driver b            virtqueue to virtqueue, split to packed and packed to split
 *   driver c = loopback            split virtqueue to TAP, TAP to split virtqueue
 *   driver d = loopback            the same, packed, coalesced on the way to the guest and not on the way from it
 *   loopback = loopback            TAP to TAP
 *   driver e = null                split virtqueue to null, null to split virtqueue
 *   driver f = null                the same, packed
 *   driver g = driver h            virtqueue to virtqueue as above, coalesced
 * </pre>
 */
final class Rehearsal implements AutoCloseable {
    /** A rehearsal is over by then, however slow the machine is. */
    private static final long LIMIT_NS = 3_000_000_000L;
    /** Every so many rounds the old owner dies instead of letting go. */
    private static final int SEIZE_EVERY = 8;
    private static final int QUEUE_SIZE = 128;
    /** Rounds differ in this, or the compiler would leave out what is done when a queue runs dry or a window ends. */
    private static final int MAX_FRAMES = 100;
    private static final int BURST = 16;
    /**
     * One thread plays both owners, so they never run at the same time: no patience. A claimant leaves a beat of a
     * microsecond ago, and with this limit the owner sees it look in some rounds, and not in others.
     */
    private static final long FRESH_NS = 1_500;
    /** Of a driver that takes segmented frames. */
    private static final long SEGMENTED = Features.GUEST_CSUM | Features.GUEST_TSO4 | Features.GUEST_USO4
        | Features.GUEST_USO6;
    /** A guest's memory has more than one region; here are so many that a burst of any queue lies in several. */
    private static final int REGIONS = 32;

    private final Counters counters = new Counters("rehearsal", null);
    private final Baton baton = Baton.create("rehearsal");
    private final MemoryDriver[] drivers = {driver(0), driver(Features.RING_PACKED),
        driver(0), driver(SEGMENTED | Features.RING_PACKED), driver(0), driver(Features.RING_PACKED),
        driver(SEGMENTED), driver(SEGMENTED | Features.RING_PACKED)};
    private final LoopbackDevice loopback = LoopbackDevice.open("rehearsal", 4);
    private final NullFrame sent = new NullFrame(NullPortConfig.MIN_FRAME_BYTES);
    private final EventFd call = EventFd.create();
    /** What has to go alone, and what can be joined: a UDP datagram from 10.0.0.1 to 10.0.0.2, checksums and all. */
    private final byte[][] frames = {new byte[60], HexFormat.of().parseHex("02000000000102000000000208004500002e0000"
        + "4000401126bd0a0000010a00000200090009001aeba5000000000000000000000000000000000000")};
    private final int[] laneRecords = {baton.allocateLane(), baton.allocateLane(), baton.allocateLane(),
        baton.allocateLane(), baton.allocateLane(), baton.allocateLane(), baton.allocateLane()};
    private final int firstQueue = baton.allocateQueues(2 * drivers.length);
    private final int firstSlot = baton.allocateSlots(loopback.queueCount());
    private final QueueCounters queueCounters = QueueCounters.allocate(counters, "rehearsal", 0);
    private final Side[] sides = {new Side(0), new Side(1)};

    private static MemoryDriver driver(long features) {
        return new MemoryDriver(QUEUE_SIZE, REGIONS, features);
    }

    private Rehearsal() {
        try {
            // One of the two that guests are wired to, and one has a call for each frame: both happen.
            loopback.queue(0).longestFrame(VirtioNetHeader.LENGTH + frames[0].length);
            loopback.queue(0).useIoUring();
        } catch (TapException e) {
            // What is rehearsed goes without as well.
            System.getLogger(Rehearsal.class.getPackageName()).log(System.Logger.Level.DEBUG, "rehearsal", e);
        }
        sides[0].lanes.forEach(sides[0].agent::add);
    }

    /**
     * Rehearses so often, or until it takes too long.
     *
     * @param inVain asked before each round: what is rehearsed will not take place
     */
    static void run(int rounds, BooleanSupplier inVain) {
        if (rounds == 0) {
            return;
        }
        long deadlineNs = System.nanoTime() + LIMIT_NS;
        try (Rehearsal rehearsal = new Rehearsal()) {
            for (int round = 0; round < rounds && System.nanoTime() < deadlineNs && !inVain.getAsBoolean(); round++) {
                rehearsal.traffic(rehearsal.sides[round % 2].agent, 1 + round * 7 % MAX_FRAMES);
                Side from = rehearsal.sides[round % 2];
                Side to = rehearsal.sides[1 - round % 2];
                if (round % SEIZE_EVERY == SEIZE_EVERY - 1) {
                    seize(from, to);
                } else {
                    handOver(from, to, deadlineNs);
                }
            }
        }
    }

    /** One of the two owners. */
    private final class Side {
        private final DatapathAgent agent;
        private final List<Lane> lanes = new ArrayList<>();

        Side(int index) {
            agent = new DatapathAgent("rehearsal", -1, false, new AgentCounters(counters, index, -1),
                (lane, transfer) -> { });
            VirtqueueEnd[] rx = new VirtqueueEnd[drivers.length];
            VirtqueueEnd[] tx = new VirtqueueEnd[drivers.length];
            for (int i = 0; i < drivers.length; i++) {
                rx[i] = end(firstQueue + 2 * i);
                tx[i] = end(firstQueue + 2 * i + 1);
                if (index == 0) {
                    drivers[i].start(rx[i], tx[i]);
                } else {
                    drivers[i].prepare(rx[i], tx[i]);
                }
                rx[i].call(call);
                tx[i].call(call);
            }
            lanes.add(lane(0, new VirtqueueToVirtqueue(rx[0], tx[1], false),
                new VirtqueueToVirtqueue(rx[1], tx[0], false)));
            lanes.add(tapLane(1, 0, rx[2], tx[2], true));
            lanes.add(tapLane(2, 1, rx[3], tx[3], false));
            lanes.add(lane(3, new TapToTap(queue(2), queueCounters, baton.slot(firstSlot + 2), queue(3), queueCounters),
                new TapToTap(queue(3), queueCounters, baton.slot(firstSlot + 3), queue(2), queueCounters)));
            lanes.add(nullLane(4, rx[4], tx[4]));
            lanes.add(nullLane(5, rx[5], tx[5]));
            lanes.add(lane(6, new VirtqueueToVirtqueue(rx[6], tx[7], true),
                new VirtqueueToVirtqueue(rx[7], tx[6], true)));
        }

        private Lane nullLane(int index, VirtqueueEnd rx, VirtqueueEnd tx) {
            return lane(index, new VirtqueueToNull(rx, queueCounters), new NullToVirtqueue(sent, queueCounters, tx));
        }

        /** Coalesced on one of the two ways: what was joined already finds nothing to be joined with. */
        private Lane tapLane(int index, int queue, VirtqueueEnd rx, VirtqueueEnd tx, boolean written) {
            Coalescer coalescer = new Coalescer(TapQueue.MAX_SEGMENTS);
            coalescer.takes(written, written, written);
            return lane(index, new VirtqueueToTap(rx, queue(queue), queueCounters, coalescer),
                new TapToVirtqueue(queue(queue), queueCounters, baton.slot(firstSlot + queue), tx, !written));
        }

        private VirtqueueEnd end(int record) {
            return new VirtqueueEnd("rehearsal", queueCounters, baton.queue(record), (end, fault) -> { });
        }

        private TapQueue queue(int index) {
            return loopback.queue(index);
        }

        private Lane lane(int index, Transfer... transfers) {
            return new Lane(laneRecords[index], baton.lane(laneRecords[index]), List.of(transfers), FRESH_NS, 0);
        }
    }

    private void traffic(DatapathAgent owner, int count) {
        for (int i = 0; i < count; i++) {
            byte[] frame = frames[2 * i / count];
            for (MemoryDriver driver : drivers) {
                driver.send(frame, 0, frame.length);
            }
            if (i % BURST == BURST - 1) {
                owner.doWork();
            }
        }
        owner.doWork();
        owner.doWork();
        for (MemoryDriver driver : drivers) {
            driver.receive((address, lengthBytes) -> { }, 2 * MAX_FRAMES);
        }
    }

    private static void handOver(Side from, Side to, long deadlineNs) {
        List<CompletableFuture<Lane>> taken = new ArrayList<>();
        for (int i = 0; i < from.lanes.size(); i++) {
            Lane claimed = to.lanes.get(i);
            Lane released = from.lanes.get(i);
            claimed.setApart();
            CompletableFuture<Lane> done = add(taken);
            to.agent.post(() -> to.agent.beginClaim(claimed, done));
            from.agent.post(() -> from.agent.beginRelease(released, new CompletableFuture<>()));
        }
        while (!taken.stream().allMatch(CompletableFuture::isDone) && System.nanoTime() < deadlineNs) {
            to.agent.doWork();
            from.agent.doWork();
        }
    }

    /** The first owner has died, as it were. */
    private static void seize(Side from, Side to) {
        from.agent.dropLanes();
        for (Lane lane : to.lanes) {
            lane.setApart();
            to.agent.seize(lane, 0);
        }
    }

    private static CompletableFuture<Lane> add(List<CompletableFuture<Lane>> futures) {
        CompletableFuture<Lane> added = new CompletableFuture<>();
        futures.add(added);
        return added;
    }

    @Override
    public void close() {
        for (Side side : sides) {
            side.agent.dropLanes();
            side.lanes.forEach(lane -> lane.transfers().forEach(Transfer::release));
            side.agent.onClose();
        }
        call.close();
        loopback.close();
        sent.close();
        for (MemoryDriver driver : drivers) {
            driver.close();
        }
        baton.close();
        counters.close();
    }
}
