package dev.baton.datapath;

import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import java.util.concurrent.atomic.AtomicInteger;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;
import org.openjdk.jcstress.infra.results.JJ_Result;
import org.openjdk.jcstress.infra.results.J_Result;

/** The owner word: never two owners, and the next one reads all that the one before wrote. */
public final class OwnershipStress {
    private static final int PLACES = 1 << 16;
    private static final int PLACE_BYTES = 2 * LaneRecord.BYTES;
    private static final Mapping MEMORY = Mapping.anonymous((long) PLACES * PLACE_BYTES);
    private static final AtomicInteger NEXT = new AtomicInteger();
    private static final long EPOCH = 4;

    private OwnershipStress() {
    }

    /** A lane of epoch 4, and memory of the baton beside it. */
    private static final class Place {
        final long address = MEMORY.address() + (long) (NEXT.getAndIncrement() & PLACES - 1) * PLACE_BYTES;
        final LaneRecord lane = new LaneRecord(address);
        final long work = address + LaneRecord.BYTES;

        Place() {
            RawMemory.fill(address, PLACE_BYTES, (byte) 0);
            RawMemory.putLongRelease(address, EPOCH);
        }
    }

    /** The owner works and releases the lane; the claimant goes on as soon as it sees the next epoch. */
    @JCStressTest
    @Outcome(id = "4, -1", expect = Expect.ACCEPTABLE, desc = "Not released yet: the claimant leaves all alone.")
    @Outcome(id = "5, 42", expect = Expect.ACCEPTABLE, desc = "Released: the claimant sees the owner's last work.")
    @Outcome(expect = Expect.FORBIDDEN, desc = "The claimant goes on from something else.")
    @State
    public static class NextOwnerSeesAll {
        private final Place place = new Place();

        /** Its last burst, and the release. */
        @Actor
        public void owner() {
            RawMemory.putLong(place.work, 42);
            place.lane.release(EPOCH, 1);
        }

        /** One look at the owner word. */
        @Actor
        public void claimant(JJ_Result seen) {
            seen.r1 = place.lane.epoch();
            seen.r2 = seen.r1 == EPOCH + 1 ? RawMemory.getLong(place.work) : -1;
        }
    }

    /** Owner and claimant both work as long as they own the lane: they never find each other at work. */
    @JCStressTest
    @Outcome(id = "1, 0", expect = Expect.ACCEPTABLE, desc = "The claimant does not own the lane yet.")
    @Outcome(id = "1, 1", expect = Expect.ACCEPTABLE, desc = "Each worked alone, one after the other.")
    @Outcome(expect = Expect.FORBIDDEN, desc = "Two owners at a time.")
    @State
    public static class NeverTwoOwners {
        private final Place place = new Place();

        /** Works alone, then releases. */
        @Actor
        public void owner(II_Result alone) {
            alone.r1 = work(1);
            place.lane.release(EPOCH, 1);
        }

        /** Works if the lane is its own. */
        @Actor
        public void claimant(II_Result alone) {
            alone.r2 = place.lane.epoch() == EPOCH + 1 ? work(2) : 0;
        }

        /** 1 when nobody else was there, before and after. */
        private int work(int who) {
            long before = RawMemory.getLong(place.work);
            RawMemory.putLong(place.work, who);
            long after = RawMemory.getLongAcquire(place.work);
            RawMemory.putLong(place.work, 0);
            return before == 0 && after == who ? 1 : -1;
        }
    }

    /** The handover has failed and the owner keeps the lane, while a claimant still looks. */
    @JCStressTest
    @Outcome(id = {"4", "6"}, expect = Expect.ACCEPTABLE, desc = "The epoch that the claimant waits for never comes.")
    @Outcome(expect = Expect.FORBIDDEN, desc = "The claimant takes a lane that is not released.")
    @State
    public static class RenewedLaneIsNotTaken {
        private final Place place = new Place();

        /** Keeps the lane. */
        @Actor
        public void owner() {
            place.lane.renew(EPOCH);
        }

        /** One look at the owner word. */
        @Actor
        public void claimant(J_Result seen) {
            seen.r1 = place.lane.epoch();
        }
    }
}
