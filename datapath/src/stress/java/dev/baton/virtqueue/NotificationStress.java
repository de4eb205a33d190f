package dev.baton.virtqueue;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZZ_Result;

/**
 * No wake-up is lost: who wants to sleep asks for a notification and looks again, while the other side publishes and
 * then looks whether one is wanted. First result: the sleeper found something. Second: a notification is due.
 */
public final class NotificationStress {
    private NotificationStress() {
    }

    /** The driver sleeps; EVENT_IDX. */
    @JCStressTest
    @Outcome(id = "true, true", expect = Expect.ACCEPTABLE, desc = "Found and notified: one look in vain later on.")
    @Outcome(id = "true, false", expect = Expect.ACCEPTABLE, desc = "It finds what is there and does not sleep.")
    @Outcome(id = "false, true", expect = Expect.ACCEPTABLE, desc = "It sleeps, and is woken.")
    @Outcome(id = "false, false", expect = Expect.FORBIDDEN, desc = "It sleeps for ever.")
    @State
    public static class DriverSleepsByEventIndex {
        private final StressRing ring = new StressRing(true);

        /** A chain is available. */
        public DriverSleepsByEventIndex() {
            ring.driver.addReadable(ring.buffer, StressRing.FRAME_BYTES);
            ring.driver.publish();
            ring.fetch();
        }

        /** Uses the chain and publishes. */
        @Actor
        public void device(ZZ_Result seen) {
            ring.device.use(0, 0);
            seen.r2 = ring.device.publish();
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
        private final StressRing ring = new StressRing(false);

        /** A chain is available. */
        public DriverSleepsByFlag() {
            ring.driver.addReadable(ring.buffer, StressRing.FRAME_BYTES);
            ring.driver.publish();
            ring.fetch();
        }

        /** Uses the chain and publishes. */
        @Actor
        public void device(ZZ_Result seen) {
            ring.device.use(0, 0);
            seen.r2 = ring.device.publish();
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
    public static class DeviceSleepsByEventIndex {
        private final StressRing ring = new StressRing(true);

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
        private final StressRing ring = new StressRing(false);

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
}
