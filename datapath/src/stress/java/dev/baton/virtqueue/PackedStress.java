package dev.baton.virtqueue;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;
import org.openjdk.jcstress.infra.results.ZZ_Result;

/**
 * {@link PublishStress} and {@link NotificationStress} on packed rings, whose flags are in the descriptor and whose
 * wishes in the event suppression structures.
 */
public final class PackedStress {
    private PackedStress() {
    }

    /** The driver sleeps; EVENT_IDX. */
    @JCStressTest
    @Outcome(id = "true, true", expect = Expect.ACCEPTABLE, desc = "Found and notified: one look in vain later on.")
    @Outcome(id = "true, false", expect = Expect.ACCEPTABLE, desc = "It finds what is there and does not sleep.")
    @Outcome(id = "false, true", expect = Expect.ACCEPTABLE, desc = "It sleeps, and is woken.")
    @Outcome(id = "false, false", expect = Expect.FORBIDDEN, desc = "It sleeps for ever.")
    @State
    public static class DriverSleepsByDescriptorEvent {
        private final StressRing ring = new StressRing(RingFormat.PACKED, true);

        /** A chain is available. */
        public DriverSleepsByDescriptorEvent() {
            ring.driver.addReadable(ring.buffer, StressRing.FRAME_BYTES);
            ring.driver.publish();
            ring.fetch();
        }

        /** Uses the chain and publishes. */
        @Actor
        public void device(ZZ_Result seen) {
            seen.r2 = ring.giveBack(0);
        }

        /** Wants to sleep. */
        @Actor
        public void driver(ZZ_Result seen) {
            seen.r1 = ring.driver.enableNotifications();
        }
    }

    /** The driver sleeps; flags. */
    @JCStressTest
    @Outcome(id = "true, true", expect = Expect.ACCEPTABLE, desc = "Found and notified: one look in vain later on.")
    @Outcome(id = "true, false", expect = Expect.ACCEPTABLE, desc = "It finds what is there and does not sleep.")
    @Outcome(id = "false, true", expect = Expect.ACCEPTABLE, desc = "It sleeps, and is woken.")
    @Outcome(id = "false, false", expect = Expect.FORBIDDEN, desc = "It sleeps for ever.")
    @State
    public static class DriverSleepsByFlag {
        private final StressRing ring = new StressRing(RingFormat.PACKED, false);

        /** A chain is available. */
        public DriverSleepsByFlag() {
            ring.driver.addReadable(ring.buffer, StressRing.FRAME_BYTES);
            ring.driver.publish();
            ring.fetch();
        }

        /** Uses the chain and publishes. */
        @Actor
        public void device(ZZ_Result seen) {
            seen.r2 = ring.giveBack(0);
        }

        /** Wants to sleep. */
        @Actor
        public void driver(ZZ_Result seen) {
            seen.r1 = ring.driver.enableNotifications();
        }
    }

    /** The device sleeps; EVENT_IDX. */
    @JCStressTest
    @Outcome(id = "true, true", expect = Expect.ACCEPTABLE, desc = "Found and notified: one look in vain later on.")
    @Outcome(id = "true, false", expect = Expect.ACCEPTABLE, desc = "It finds what is there and does not sleep.")
    @Outcome(id = "false, true", expect = Expect.ACCEPTABLE, desc = "It sleeps, and is woken.")
    @Outcome(id = "false, false", expect = Expect.FORBIDDEN, desc = "It sleeps for ever.")
    @State
    public static class DeviceSleepsByDescriptorEvent {
        private final StressRing ring = new StressRing(RingFormat.PACKED, true);

        /** Adds a chain and publishes. */
        @Actor
        public void driver(ZZ_Result seen) {
            ring.driver.addReadable(ring.buffer, StressRing.FRAME_BYTES);
            seen.r2 = ring.driver.publish();
        }

        /** Wants to sleep. */
        @Actor
        public void device(ZZ_Result seen) {
            seen.r1 = ring.device.enableNotifications();
        }
    }

    /** The device sleeps; flags. */
    @JCStressTest
    @Outcome(id = "true, true", expect = Expect.ACCEPTABLE, desc = "Found and notified: one look in vain later on.")
    @Outcome(id = "true, false", expect = Expect.ACCEPTABLE, desc = "It finds what is there and does not sleep.")
    @Outcome(id = "false, true", expect = Expect.ACCEPTABLE, desc = "It sleeps, and is woken.")
    @Outcome(id = "false, false", expect = Expect.FORBIDDEN, desc = "It sleeps for ever.")
    @State
    public static class DeviceSleepsByFlag {
        private final StressRing ring = new StressRing(RingFormat.PACKED, false);

        /** Adds a chain and publishes. */
        @Actor
        public void driver(ZZ_Result seen) {
            ring.driver.addReadable(ring.buffer, StressRing.FRAME_BYTES);
            seen.r2 = ring.driver.publish();
        }

        /** Wants to sleep. */
        @Actor
        public void device(ZZ_Result seen) {
            seen.r1 = ring.device.enableNotifications();
        }
    }

    /** The device writes a frame, uses the chain and publishes; the driver polls. */
    @JCStressTest
    @Outcome(id = "-1, -1, -1", expect = Expect.ACCEPTABLE, desc = "The driver polls before the flags are there.")
    @Outcome(id = "0, 20, 42", expect = Expect.ACCEPTABLE, desc = "It sees the flags, and so the length and the frame.")
    @Outcome(expect = Expect.FORBIDDEN, desc = "Flags whose length or frame is not there yet.")
    @State
    public static class UsedDescriptorWhole {
        private final StressRing ring = new StressRing(RingFormat.PACKED, false);

        /** A chain is available. */
        public UsedDescriptorWhole() {
            ring.driver.addReadable(ring.buffer, StressRing.FRAME_BYTES);
            ring.driver.publish();
            ring.fetch();
        }

        /** Writes, uses, publishes. */
        @Actor
        public void device() {
            ring.number(42);
            ring.giveBack(StressRing.FRAME_BYTES);
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
    @Outcome(id = "0, -1, -1", expect = Expect.ACCEPTABLE, desc = "The device looks before the flags are there.")
    @Outcome(id = "1, 20, 42", expect = Expect.ACCEPTABLE,
        desc = "It sees the flags, and so the descriptor and the frame.")
    @Outcome(expect = Expect.FORBIDDEN, desc = "Flags whose descriptor or frame is not there yet.")
    @State
    public static class AvailableDescriptorWhole {
        private final StressRing ring = new StressRing(RingFormat.PACKED, false);

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
