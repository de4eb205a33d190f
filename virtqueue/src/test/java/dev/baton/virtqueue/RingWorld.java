package dev.baton.virtqueue;

import dev.baton.ffi.RawMemory;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Queue;
import java.util.Set;

/**
 * A driver and a device of one small ring, of either format, beside a model whose indices never wrap.
 *
 * <pre>
 *   chains, in the order in which they were added
 *   0 ... | polled | used | shadow used | in hand | available | added | not yet added ... {@link WorldPlan#chains}
 *         ^polled  ^shown ^consumed                ^published  ^added
 * </pre>
 *
 * <p>After each step both sides must be where the model is, and each notification must be exactly the due one: never
 * missed, never in vain. {@link #explore} takes every step in every state that any sequence of steps leads to, until
 * the driver has added all its chains; two states are one when the model and the heads in flight are the same.
 *
 * <p>Where the plan has deaths, the owner of the device's side dies at any moment, also after any store of a publish;
 * the driver goes on; and then comes a successor, who knows the record and the ring. It may show what the dead one was
 * about to show, or take it again. The driver gets every chain back once, in order, as it was used.
 */
final class RingWorld {
    private static final int LIVING_STEPS = 14;

    private final WorldPlan plan;
    private final TestGuest guest;
    private final Place place;
    private final VirtqueueDriver driver;
    private final Wish calls;
    private final Wish kicks;
    private final int[] heads;
    /** What the device says of the chains in hand. */
    private final int[] deviceHeads;
    private final int[] written;
    private Virtqueue device;
    private int added;
    private int published;
    private int seen;
    private int fetchedFrom;
    private int inHand;
    private int consumed;
    private int shown;
    private int polled;
    /** The chains behind which a used entry may end; bits. */
    private int ends;
    /** Nobody knows of the last notification. */
    private boolean unsignalled;
    private boolean dead;
    private int storesOfTheDead;

    /** Memory that all worlds of a search use one after the other. */
    private record Place(VirtqueueLayout layout, long tables, long buffer, QueueRecord record, ChainBurst burst) {
    }

    private RingWorld(WorldPlan plan, TestGuest guest, Place place) {
        this.plan = plan;
        this.guest = guest;
        this.place = place;
        this.calls = new Wish(plan);
        this.kicks = new Wish(plan);
        this.heads = new int[plan.chains()];
        this.deviceHeads = new int[plan.chains()];
        this.written = new int[plan.chains()];
        RawMemory.fill(place.record.address(), QueueRecord.BYTES, (byte) 0);
        this.driver = plan.driver(place.layout, guest, place.tables);
        this.device = owner(new QueueState(plan.first(), plan.first(), plan.first()));
        device.keep(place.record);
    }

    private Virtqueue owner(QueueState state) {
        return Virtqueue.of(place.layout, guest.memory(), plan.features(), state);
    }

    /** Every step in every state; returns how many states there are. */
    static int explore(WorldPlan plan, TestGuest guest) {
        Set<String> known = new HashSet<>();
        Queue<byte[]> paths = new ArrayDeque<>();
        paths.add(new byte[0]);
        int steps = LIVING_STEPS + (plan.deaths() ? plan.size() + 5 : 0);
        try (ChainBurst burst = new ChainBurst(plan.chains(), 1024 + 16)) {
            Place place = new Place(guest.ring(plan.format(), plan.size()), guest.allocate(plan.tableBytes()),
                guest.allocate(64), new QueueRecord(guest.host(guest.allocate(QueueRecord.BYTES))), burst);
            while (!paths.isEmpty()) {
                byte[] path = paths.remove();
                for (byte step = 0; step < steps; step++) {
                    RingWorld world = new RingWorld(plan, guest, place);
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
                check(taken, "a step that could be taken before");
                taken = step < 5 ? driverStep(step) : dead ? step == LIVING_STEPS && succeed() : deviceStep(step);
            }
        } catch (AssertionError | RuntimeException e) {
            throw new AssertionError("after the steps " + Arrays.toString(path) + " of " + this, e);
        }
        return taken;
    }

    private boolean driverStep(int step) {
        return switch (step) {
            case 0 -> add();
            case 1 -> publish();
            case 2 -> poll();
            case 3 -> askForCalls();
            default -> {
                driver.disableNotifications();
                calls.off();
                yield true;
            }
        };
    }

    private boolean deviceStep(int step) {
        return switch (step) {
            case 5 -> fetch(1);
            case 6 -> fetch(plan.chains());
            case 7 -> useOne();
            case 8 -> useRest();
            case 9 -> show();
            case 10 -> askForKicks();
            case 11 -> {
                device.disableNotifications();
                kicks.off();
                yield true;
            }
            case 12 -> changeOwner();
            case 13 -> resume();
            case LIVING_STEPS -> false;
            default -> die(step - LIVING_STEPS - 1);
        };
    }

    private boolean add() {
        if (added == plan.chains()) {
            return false;
        }
        int segments = plan.segmentsOf(added);
        long[] addresses = new long[segments];
        int[] lengths = new int[segments];
        Arrays.fill(addresses, place.buffer);
        Arrays.fill(lengths, 12 + added);
        int head = driver.addReadable(addresses, lengths, segments);
        int taken = plan.descriptorsBefore(added) - plan.descriptorsBefore(polled);
        check(head >= 0 == taken + plan.descriptorsOf(added) <= plan.size(), "room");
        if (head >= 0) {
            heads[added++] = head;
        }
        return true;
    }

    private boolean publish() {
        boolean due = kicks.due(plan.place(published), plan.place(added));
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
            check(driver.usedBytes() == written[polled], "the length of the used chain");
            polled++;
        }
        check(driver.inFlight() == added - polled, "chains in flight");
        return true;
    }

    private boolean askForCalls() {
        check(driver.enableNotifications() == (shown != polled), "there are used chains already");
        calls.from(plan.place(polled));
        return true;
    }

    private boolean fetch(int most) {
        int count = device.fetchReadable(place.burst, most);
        fetchedFrom = consumed;
        check(count == Math.min(most, published - consumed), "chains");
        check(device.fetchedAll() == (count == published - consumed), "whether those are all");
        check(device.hasAvailable() == (published != consumed), "whether there are any");
        for (int i = 0; i < count; i++) {
            int chain = consumed + i;
            deviceHeads[chain] = place.burst.head(i);
            check((deviceHeads[chain] & 0xFFFF) == heads[chain], "the head of the chain");
            check(place.burst.segmentCount(i) == plan.segmentsOf(chain), "the segments of the chain");
            check(place.burst.lengthBytes(i) == plan.segmentsOf(chain) * (12 + chain), "the length of the chain");
        }
        inHand = consumed + count;
        seen = plan.format() == RingFormat.SPLIT ? published : inHand;
        return true;
    }

    private boolean useOne() {
        if (consumed == inHand) {
            return false;
        }
        written[consumed] = consumed + 1;
        device.use(deviceHeads[consumed], written[consumed]);
        consumed++;
        return true;
    }

    /** Those in hand were read: in order, one entry may stand for all. */
    private boolean useRest() {
        if (consumed == inHand || !plan.has(Features.IN_ORDER)) {
            return false;
        }
        device.use(place.burst, consumed - fetchedFrom, inHand - consumed);
        Arrays.fill(written, consumed, inHand, 0);
        consumed = inHand;
        ends |= 1 << consumed;
        return true;
    }

    private boolean show() {
        boolean due = unsignalled ? calls.isOn() : calls.due(plan.place(shown), plan.place(consumed));
        shown = consumed;
        ends |= 1 << consumed;
        unsignalled = false;
        check(device.publish() == due, "call");
        return true;
    }

    private boolean askForKicks() {
        check(device.enableNotifications() == (published != seen), "there are chains already");
        kicks.from(plan.place(seen));
        return true;
    }

    /** At a burst boundary the device's next owner goes on, who knows nothing but the state. */
    private boolean changeOwner() {
        if (consumed != shown || inHand != consumed) {
            return false;
        }
        device = owner(device.state());
        device.keep(place.record);
        return wentOn();
    }

    /** The same with the record alone. */
    private boolean resume() {
        if (consumed != shown || inHand != consumed || !plan.deaths()) {
            return false;
        }
        device = owner(QueueState.fresh(plan.format()));
        device.resume(place.record);
        return wentOn();
    }

    private boolean wentOn() {
        seen = consumed;
        check(device.fault() == null, "no fault");
        check(place.record.state().equals(device.state()), "the record is the state");
        return true;
    }

    /** The owner dies after so many stores of the publish that would be next. */
    private boolean die(int stores) {
        boolean before = unsignalled;
        HalfPublish publish = HalfPublish.run(device, place.record);
        if (stores > publish.stores()) {
            return false;
        }
        check(shown != consumed || before || publish.stores() == 0, "no store without need");
        if (publish.undoAfter(stores)) {
            shown = consumed;
        }
        ends |= 1 << consumed;
        storesOfTheDead = stores;
        dead = true;
        return true;
    }

    private boolean succeed() {
        device = owner(QueueState.fresh(plan.format()));
        device.follow(place.record);
        device.recover(place.record);
        int at = device.state().usedIdx();
        int end = consumed;
        while (end > shown && plan.position(plan.place(end)) != at) {
            end--;
        }
        check(plan.position(plan.place(end)) == at, "a place between what was shown and what was to be");
        shown = end;
        consumed = end;
        inHand = end;
        ends |= 1 << end;
        unsignalled = true;
        storesOfTheDead = 0;
        dead = false;
        return wentOn();
    }

    private String key() {
        StringBuilder key = new StringBuilder();
        for (int i = polled; i < added; i++) {
            key.append((char) heads[i]);
        }
        int used = 0;
        if (plan.has(Features.IN_ORDER)) {
            for (int i = polled; i < consumed; i++) {
                used = (used << 2) | (written[i] == 0 ? 1 : 0) | (ends >> i & 2);
            }
        }
        int life = (dead ? 1 : 0) | (unsignalled ? 2 : 0) | storesOfTheDead << 2;
        int fetched = plan.has(Features.IN_ORDER) ? inHand - fetchedFrom : 0;
        return key.append((char) (added | published << 4 | seen << 8 | inHand << 12))
            .append((char) (consumed | shown << 4 | polled << 8 | fetched << 12)).append((char) used)
            .append((char) life).append(calls.key()).append(kicks.key()).toString();
    }

    private static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError("not as in the model: " + what);
        }
    }

    @Override
    public String toString() {
        return plan + ", added " + added + ", published " + published + ", seen " + seen + ", in hand " + inHand
            + ", consumed " + consumed + ", shown " + shown + ", polled " + polled + ", calls " + calls
            + ", kicks " + kicks + (dead ? ", dead after " + storesOfTheDead + " stores" : "");
    }
}
