package dev.baton.datapath;

import dev.baton.coalesce.Coalescer;
import dev.baton.ffi.EventFd;
import dev.baton.ffi.SyscallException;
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
import java.util.stream.IntStream;

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
 *
 * <p>It opens some thirty descriptors and maps some memory, in an owner that runs. One that cannot have them hands over
 * without a rehearsal, and slower: everything is {@link Opened}, so that nothing stays behind in it.
 */
final class Rehearsal {
    /** A rehearsal is over by then, however slow the machine is. */
    private static final long LIMIT_NS = 3_000_000_000L;
    /** Every so many rounds the old owner dies instead of letting go. */
    private static final int SEIZE_EVERY = 8;
    private static final String NAME = "rehearsal";
    private static final int QUEUE_SIZE = 128;
    /** Queues of the loopback. */
    private static final int LOOPS = 4;
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

    private final Opened opened;
    private final Counters counters;
    private final QueueCounters queueCounters;
    private final Baton baton;
    private final EventFd call;
    private final NullFrame sent;
    private final List<MemoryDriver> drivers = new ArrayList<>();
    private final List<Owner> owners;
    /** What has to go alone, and what can be joined: a UDP datagram from 10.0.0.1 to 10.0.0.2, checksums and all. */
    private final byte[][] frames = {new byte[60], HexFormat.of().parseHex("02000000000102000000000208004500002e0000"
        + "4000401126bd0a0000010a00000200090009001aeba5000000000000000000000000000000000000")};

    /** One of the two owners, with a lane for each pairing. */
    private record Owner(DatapathAgent agent, List<Lane> lanes) {
    }

    /** What a lane joins. */
    private record Pairing(int laneRecord, Transfers transfers) {
    }

    /** Each owner has transfers of its own, between ends that it runs, or has ready for when it is its turn. */
    private interface Transfers {
        List<Transfer> between(boolean runs);
    }

    /** A driver, and the first of the two queue records of its virtqueues. */
    private record Guest(MemoryDriver driver, int firstQueue) {
    }

    /** What an owner has of a guest. */
    private record Ends(VirtqueueEnd rx, VirtqueueEnd tx) {
    }

    /** A queue of the loopback. */
    private record Loop(TapQueue queue, StagingSlot slot) {
    }

    private Rehearsal(Opened opened) {
        this.opened = opened;
        counters = opened.add(new Counters(NAME, null));
        queueCounters = QueueCounters.allocate(counters, NAME, 0);
        baton = opened.add(Baton.create(NAME));
        call = opened.add(EventFd.create());
        sent = opened.add(new NullFrame(NullPortConfig.MIN_FRAME_BYTES));
        List<Loop> loops = loopback();
        List<Pairing> pairings = List.of(
            guests(guest(0), guest(Features.RING_PACKED), false),
            tap(guest(0), loops.get(0), true),
            tap(guest(SEGMENTED | Features.RING_PACKED), loops.get(1), false),
            taps(loops.get(2), loops.get(3)),
            nothing(guest(0)),
            nothing(guest(Features.RING_PACKED)),
            guests(guest(SEGMENTED), guest(SEGMENTED | Features.RING_PACKED), true));
        owners = List.of(owner(0, pairings), owner(1, pairings));
        owners.getFirst().lanes.forEach(owners.getFirst().agent::add);
    }

    /**
     * Rehearses so often, or until it takes too long; not at all when there is no room for it.
     *
     * @param inVain asked before each round: what is rehearsed will not take place
     */
    static void run(int rounds, BooleanSupplier inVain) {
        if (rounds == 0) {
            return;
        }
        long deadlineNs = System.nanoTime() + LIMIT_NS;
        try (Opened opened = new Opened()) {
            Rehearsal rehearsal = new Rehearsal(opened);
            for (int round = 0; round < rounds && System.nanoTime() < deadlineNs && !inVain.getAsBoolean(); round++) {
                rehearsal.play(round, deadlineNs);
            }
        } catch (SyscallException | TapException | DatapathException e) {
            missed(e);
        }
    }

    /** Something is not rehearsed, and will take longer when it is done. */
    static void missed(Exception why) {
        System.getLogger(Rehearsal.class.getPackageName()).log(System.Logger.Level.DEBUG, NAME, why);
    }

    private List<Loop> loopback() {
        LoopbackDevice device = opened.add(LoopbackDevice.open(NAME, LOOPS));
        try {
            // One of the two that guests are wired to, and one has a call for each frame: both happen.
            device.queue(0).longestFrame(VirtioNetHeader.LENGTH + frames[0].length);
            device.queue(0).useIoUring();
        } catch (TapException e) {
            // What is rehearsed goes without as well.
            missed(e);
        }
        int firstSlot = baton.allocateSlots(LOOPS);
        return IntStream.range(0, LOOPS).mapToObj(i -> new Loop(device.queue(i), baton.slot(firstSlot + i))).toList();
    }

    private Guest guest(long features) {
        MemoryDriver driver = opened.add(new MemoryDriver(QUEUE_SIZE, REGIONS, features));
        drivers.add(driver);
        return new Guest(driver, baton.allocateQueues(2));
    }

    private Pairing guests(Guest a, Guest b, boolean coalescing) {
        return pairing(runs -> {
            Ends first = ends(a, runs);
            Ends second = ends(b, runs);
            return List.of(opened(new VirtqueueToVirtqueue(first.rx, second.tx, coalescing)),
                opened(new VirtqueueToVirtqueue(second.rx, first.tx, coalescing)));
        });
    }

    /** Coalesced on one of the two ways: what was joined already finds nothing to be joined with. */
    private Pairing tap(Guest guest, Loop loop, boolean written) {
        return pairing(runs -> {
            Ends ends = ends(guest, runs);
            // The transfer has nothing else to release.
            Coalescer coalescer = opened.add(new Coalescer(TapQueue.MAX_SEGMENTS));
            coalescer.takes(written, written, written);
            return List.of(new VirtqueueToTap(ends.rx, loop.queue, queueCounters, coalescer),
                opened(new TapToVirtqueue(loop.queue, queueCounters, loop.slot, ends.tx, !written)));
        });
    }

    private Pairing taps(Loop a, Loop b) {
        return pairing(_ -> List.of(new TapToTap(a.queue, queueCounters, a.slot, b.queue, queueCounters),
            new TapToTap(b.queue, queueCounters, b.slot, a.queue, queueCounters)));
    }

    private Pairing nothing(Guest guest) {
        return pairing(runs -> {
            Ends ends = ends(guest, runs);
            return List.of(new VirtqueueToNull(ends.rx, queueCounters),
                opened(new NullToVirtqueue(sent, queueCounters, ends.tx)));
        });
    }

    private Pairing pairing(Transfers transfers) {
        return new Pairing(baton.allocateLane(), transfers);
    }

    /** For a transfer that has memory of its own. */
    private <T extends Transfer> T opened(T transfer) {
        opened.add(transfer::release);
        return transfer;
    }

    private Ends ends(Guest guest, boolean runs) {
        Ends ends = new Ends(end(guest.firstQueue), end(guest.firstQueue + 1));
        if (runs) {
            guest.driver.start(ends.rx, ends.tx);
        } else {
            guest.driver.prepare(ends.rx, ends.tx);
        }
        ends.rx.call(call);
        ends.tx.call(call);
        return ends;
    }

    private VirtqueueEnd end(int record) {
        return new VirtqueueEnd(NAME, queueCounters, baton.queue(record), (end, fault) -> { });
    }

    private Owner owner(int index, List<Pairing> pairings) {
        DatapathAgent agent = new DatapathAgent(NAME, -1, false, new AgentCounters(counters, index, -1),
            (lane, transfer) -> { });
        opened.add(agent::onClose);
        return new Owner(agent, pairings.stream().map(pairing -> new Lane(pairing.laneRecord,
            baton.lane(pairing.laneRecord), pairing.transfers.between(index == 0), FRESH_NS, 0)).toList());
    }

    private void play(int round, long deadlineNs) {
        Owner from = owners.get(round % 2);
        Owner to = owners.get(1 - round % 2);
        traffic(from.agent, 1 + round * 7 % MAX_FRAMES);
        if (round % SEIZE_EVERY == SEIZE_EVERY - 1) {
            seize(from, to);
        } else {
            handOver(from, to, deadlineNs);
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

    private static void handOver(Owner from, Owner to, long deadlineNs) {
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
    private static void seize(Owner from, Owner to) {
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
}
