package dev.baton.virtqueue;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Queue;
import java.util.Set;

/**
 * A driver and a device of one small ring, of any format, beside a model whose indices never wrap.
 *
 * <pre>
 *   chains, in the order in which they were added
 *   0 ... | polled | used | shadow used | in hand | available | added | not yet added ... {@link #CHAINS}
 *         ^polled  ^shown ^consumed                ^published  ^added
 * </pre>
 *
 * <p>After each step both sides must be where the model is, and each notification must be exactly the due one: never
 * missed, never in vain. {@link #explore} takes every step in every state that any sequence of steps leads to, until
 * the driver has added all its chains; two states are one when the model and the heads in flight are the same.
 */
final class RingWorld {
    /** Chains that the driver adds in all: more than any ring here has, and past the wrap of its indices. */
    static final int CHAINS = 8;

    private static final int STEPS = 12;

    private final VirtqueueDriver driver;
    private final Maker maker;
    private final TestGuest guest;
    private final ChainBurst burst;
    private final long[] address;
    private final int[] length = new int[1];
    private final boolean eventIdx;
    private final int size;
    private final int[] heads = new int[CHAINS];
    private Virtqueue device;
    private int added;
    private int published;
    private int seen;
    private int inHand;
    private int consumed;
    private int shown;
    private int polled;
    private int callAt;
    private int kickAt;
    private boolean calls = true;
    private boolean kicks = true;

    /** How the two sides of a ring of some format are made. */
    interface Maker {
        TestGuest guest();

        VirtqueueDriver driver();

        Virtqueue device();

        /** The device that goes on from the state of another one. */
        Virtqueue nextOwner(QueueState state);

        boolean eventIdx();
    }

    private RingWorld(Maker maker, ChainBurst burst, long buffer) {
        this.maker = maker;
        this.guest = maker.guest();
        this.burst = burst;
        this.address = new long[] {buffer};
        this.driver = maker.driver();
        this.device = maker.device();
        this.size = device.size();
        this.eventIdx = maker.eventIdx();
    }

    /** Every step in every state; returns how many states there are. */
    static int explore(Maker maker) {
        Set<String> known = new HashSet<>();
        Queue<byte[]> paths = new ArrayDeque<>();
        paths.add(new byte[0]);
        long buffer = maker.guest().allocate(64);
        try (ChainBurst burst = new ChainBurst(8, 1024)) {
            while (!paths.isEmpty()) {
                byte[] path = paths.remove();
                for (byte step = 0; step < STEPS; step++) {
                    RingWorld world = new RingWorld(maker, burst, buffer);
                    byte[] further = Arrays.copyOf(path, path.length + 1);
                    further[path.length] = step;
                    if (world.walk(further) && known.add(world.key())) {
                        paths.add(further);
                    }
                }
            }
        }
        return known.size();
    }

    /** False when the last step is none that a caller may take. */
    private boolean walk(byte[] path) {
        boolean taken = true;
        try {
            for (byte step : path) {
                taken = step(step);
            }
        } catch (AssertionError | RuntimeException e) {
            throw new AssertionError("after the steps " + Arrays.toString(path) + " of " + this, e);
        }
        return taken;
    }

    private boolean step(int step) {
        return switch (step) {
            case 0 -> add();
            case 1 -> publish();
            case 2 -> poll();
            case 3 -> askForCalls();
            case 4 -> {
                driver.disableNotifications();
                calls = false;
                yield true;
            }
            case 5 -> fetch(1);
            case 6 -> fetch(size);
            case 7 -> use();
            case 8 -> show();
            case 9 -> askForKicks();
            case 10 -> {
                device.disableNotifications();
                kicks = false;
                yield true;
            }
            default -> changeOwner();
        };
    }

    private boolean add() {
        if (added == CHAINS) {
            return false;
        }
        length[0] = 12 + added;
        int head = driver.addReadable(address, length, 1);
        check(head >= 0 == added - polled < size, "room");
        if (head >= 0) {
            heads[added++] = head;
        }
        return true;
    }

    private boolean publish() {
        boolean due = eventIdx ? kickAt >= published && kickAt < added : kicks && added != published;
        published = added;
        check(driver.publish() == due, "kick");
        return true;
    }

    private boolean poll() {
        int head = driver.pollUsed();
        if (polled == shown) {
            check(head == -1, "nothing was used");
        } else {
            check(head == heads[polled], "the head of the used chain");
            check(driver.usedBytes() == polled, "the length of the used chain");
            polled++;
        }
        check(driver.inFlight() == added - polled, "chains in flight");
        return true;
    }

    private boolean askForCalls() {
        check(driver.enableNotifications() == (shown != polled), "there are used chains already");
        callAt = polled;
        calls = true;
        return true;
    }

    private boolean fetch(int most) {
        int count = device.fetchReadable(burst, most);
        seen = published;
        check(count == Math.min(most, published - consumed), "chains");
        check(device.fetchedAll() == (count == published - consumed), "whether those are all");
        for (int i = 0; i < count; i++) {
            check(burst.head(i) == heads[consumed + i], "the head of the chain");
            check(burst.lengthBytes(i) == 12 + consumed + i, "the length of the chain");
        }
        inHand = consumed + count;
        return true;
    }

    private boolean use() {
        if (consumed == inHand) {
            return false;
        }
        device.use(heads[consumed], consumed);
        consumed++;
        return true;
    }

    private boolean show() {
        boolean due = eventIdx ? callAt >= shown && callAt < consumed : calls && consumed != shown;
        shown = consumed;
        check(device.publish() == due, "call");
        return true;
    }

    private boolean askForKicks() {
        check(device.enableNotifications() == (published != seen), "there are chains already");
        kickAt = seen;
        kicks = true;
        return true;
    }

    /** At a burst boundary the device's next owner goes on, who knows nothing but the state. */
    private boolean changeOwner() {
        if (consumed != shown || inHand != consumed) {
            return false;
        }
        device = maker.nextOwner(device.state());
        seen = consumed;
        check(device.fault() == null, "no fault");
        return true;
    }

    private String key() {
        StringBuilder key = new StringBuilder();
        for (int i = polled; i < added; i++) {
            key.append((char) heads[i]);
        }
        int notified = eventIdx ? callAt | kickAt << 4 : (calls ? 1 : 0) | (kicks ? 2 : 0);
        return key.append((char) (added | published << 4 | seen << 8 | inHand << 12))
            .append((char) (consumed | shown << 4 | polled << 8)).append((char) notified).toString();
    }

    private static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError("not as in the model: " + what);
        }
    }

    @Override
    public String toString() {
        return size + " entries, added " + added + ", published " + published + ", seen " + seen + ", in hand " + inHand
            + ", consumed " + consumed + ", shown " + shown + ", polled " + polled + ", call at " + callAt
            + ", kick at " + kickAt + ", calls " + calls + ", kicks " + kicks + ", memory " + guest.memory();
    }
}
