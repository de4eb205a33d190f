package dev.baton.virtqueue;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;

/** What one side has published, the other one sees whole: ring entry, descriptor and frame before the index. */
public final class PublishStress {
    private PublishStress() {
    }

    /** The device writes a frame, uses the chain and publishes; the driver polls. */
    @JCStressTest
    @Outcome(id = "-1, -1, -1", expect = Expect.ACCEPTABLE, desc = "The driver polls before the index is there.")
    @Outcome(id = "0, 20, 42", expect = Expect.ACCEPTABLE, desc = "It sees the index, and so the entry and the frame.")
    @Outcome(expect = Expect.FORBIDDEN, desc = "An index whose entry or frame is not there yet.")
    @State
    public static class UsedEntryBeforeIndex {
        private final StressRing ring = new StressRing(false);

        /** A chain is available. */
        public UsedEntryBeforeIndex() {
            ring.driver.addReadable(ring.buffer, StressRing.FRAME_BYTES);
            ring.driver.publish();
            ring.fetch();
        }

        /** Writes, uses, publishes. */
        @Actor
        public void device() {
            ring.number(42);
            ring.device.use(0, StressRing.FRAME_BYTES);
            ring.device.publish();
        }

        /** Polls once. */
        @Actor
        public void driver(III_Result seen) {
            seen.r1 = ring.driver.pollUsed();
            seen.r2 = seen.r1 < 0 ? -1 : ring.driver.usedBytes();
            seen.r3 = seen.r1 < 0 ? -1 : (int) ring.number();
        }
    }

    /** The driver writes a frame, adds a chain and publishes; the device fetches. */
    @JCStressTest
    @Outcome(id = "0, -1, -1", expect = Expect.ACCEPTABLE, desc = "The device looks before the index is there.")
    @Outcome(id = "1, 20, 42", expect = Expect.ACCEPTABLE,
        desc = "It sees the index, and so the head, the descriptor and the frame.")
    @Outcome(expect = Expect.FORBIDDEN, desc = "An index whose head, descriptor or frame is not there yet.")
    @State
    public static class AvailableEntryBeforeIndex {
        private final StressRing ring = new StressRing(false);

        /** Writes, adds, publishes. */
        @Actor
        public void driver() {
            ring.number(42);
            ring.driver.addReadable(ring.buffer, StressRing.FRAME_BYTES);
            ring.driver.publish();
        }

        /** Fetches once. */
        @Actor
        public void device(III_Result seen) {
            seen.r1 = ring.fetch();
            seen.r2 = seen.r1 == 0 ? -1 : ring.fetchedBytes();
            seen.r3 = seen.r1 == 0 ? -1 : (int) ring.number();
        }
    }
}
