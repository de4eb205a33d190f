package dev.baton.bench.soak;

import dev.baton.datapath.CountersSnapshot;
import dev.baton.datapath.Datapath;
import dev.baton.datapath.DirectionStats;
import dev.baton.datapath.DropReason;
import dev.baton.datapath.PortStats;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.Function;

/**
 * One way over a wire, and the account of all frames that went it.
 *
 * <pre>
 *   submitted = taken + abandoned          a guest's ring gave back what it took
 *   taken     = rx.frames + rx.drops       Baton has seen exactly these
 *   rx.frames = tx.frames + tx.drops       and knows what became of each
 *   tx.frames = received + repeated        which the receiver confirms
 *   changed   = softwareOffload            what the receiver does not take as it was sent
 *   joined    = coalesced                  what came as one with others
 *   repeated  = reordered = damaged = 0
 * </pre>
 *
 * <p>Of a frame that is cut, the first piece stands for it in these lines. The others, which {@code tx.frames} has and
 * {@code rx.frames} has not, are its <i>pieces</i>; those that find no buffer are dropped as {@code no-room}, for which
 * there is never another reason, and nothing else happens to a piece:
 *
 * <pre>
 *   tx.no-room = missing pieces of frames of which some came
 * </pre>
 *
 * <p>A TAP's taken frames are those that the kernel has given away, its arrived ones those that the kernel got. Where
 * an owner was killed, each of these may be off by a burst for each queue pair: {@code slack}.
 */
final class Direction {
    /** Frames of the longest burst of any transfer, the last of which may be cut. */
    static final int MOST_IN_A_BURST = Datapath.LONGEST_BURST + SoakPacket.MOST_PARTS;

    private final String from;
    private final String to;
    private final Function<CountersSnapshot, Sides> sides;
    private Account last = Account.NONE;

    /**
     * What both ends have counted.
     *
     * @param tally   by the frames' numbers
     * @param given   frames that were given to Baton
     * @param notSent frames that the kernel has dropped, and counted, before it could give them
     * @param arrived frames that came out of Baton
     * @param strange frames that nobody expected
     */
    record Sides(Tally tally, long given, long notSent, long arrived, long strange) {
        /** Between two guests nobody else counts. */
        static Sides of(Tally tally, long strange) {
            return new Sides(tally, tally.taken(), 0, tally.arrived(), strange);
        }
    }

    /** What everybody has counted. */
    private record Account(Sides sides, long entered, Map<String, Long> rxDrops, long left,
                           Map<String, Long> txDrops, long softwareOffload, long coalesced) {
        static final Account NONE = new Account(new Sides(Tally.NONE, 0, 0, 0, 0), 0, Map.of(), 0, Map.of(), 0,
            0);

        long rxDropped() {
            return sum(rxDrops);
        }

        /** Without pieces. */
        long txDropped() {
            return sum(txDrops) - noRoom();
        }

        long noRoom() {
            return txDrops.getOrDefault(DropReason.NO_ROOM.reason(), 0L);
        }

        private static long sum(Map<String, Long> drops) {
            return drops.values().stream().mapToLong(Long::longValue).sum();
        }
    }

    /** Whether frames go to this port. */
    boolean isTo(String port) {
        return to.equals(port);
    }

    /** Whether frames come from this port. */
    boolean isFrom(String port) {
        return from.equals(port);
    }

    /**
     * One way.
     *
     * @param from  the port that frames enter by
     * @param to    the port that they leave by
     * @param sides what both ends have counted, who may ask Baton's counters
     */
    Direction(String from, String to, Function<CountersSnapshot, Sides> sides) {
        this.from = from;
        this.to = to;
        this.sides = sides;
    }

    private Account account(CountersSnapshot counters) {
        // The ends are at rest: it does not matter who is asked first.
        PortStats source = Objects.requireNonNull(counters.ports().get(from), from);
        PortStats target = Objects.requireNonNull(counters.ports().get(to), to);
        DirectionStats rx = source.rx();
        DirectionStats tx = target.tx();
        return new Account(sides.apply(counters), rx.frames(), new TreeMap<>(rx.dropsByReason()), tx.frames(),
            new TreeMap<>(tx.dropsByReason()), target.softwareOffload(), target.coalesced());
    }

    /**
     * Balances the account of the time since the last call that found nothing.
     *
     * @param slack frames that may be counted twice, or not at all, in each of its lines
     * @param lost  frames that the kernel may have lost on their way from a TAP to its receiver
     * @param detached frames that may have waited in TAP queues when these were detached
     * @return what does not balance, in words
     */
    List<String> balance(CountersSnapshot counters, long slack, long lost, long detached) {
        Account now = account(counters);
        Tally tally = now.sides.tally().minus(last.sides.tally());
        long given = now.sides.given - last.sides.given;
        long arrived = now.sides.arrived - last.sides.arrived;
        long entered = now.entered - last.entered;
        long left = now.left - last.left;
        long rxDrops = now.rxDropped() - last.rxDropped();
        long txDrops = now.txDropped() - last.txDropped();
        Balance balance = new Balance(from + " to " + to);
        balance.exact("submitted, less taken and abandoned", tally.submitted() - tally.taken() - tally.abandoned());
        balance.within("taken by the kernel, less its own drops and what it gave away", tally.taken()
            - (now.sides.notSent - last.sides.notSent) - given, 0, detached);
        balance.within("taken, less rx.frames and rx.drops", given - entered - rxDrops, -slack, slack);
        balance.within("rx.frames, less tx.frames and tx.drops", entered - (left - tally.pieces()) - txDrops,
            -slack, slack);
        // What came as one the kernel counts as one, and of how many it was only the receiver can tell.
        long joinedAndLost = Math.clamp(now.coalesced - last.coalesced - tally.joined(), 0, lost);
        balance.within("arrived, less tx.frames", arrived - left, -slack - joinedAndLost, slack);
        balance.within("missing, less drops", given - tally.received() - rxDrops - txDrops, -slack, slack + lost);
        balance.within("missing pieces, less tx.no-room", tally.missing() - (now.noRoom() - last.noRoom()),
            -slack, slack);
        balance.within("changed, less softwareOffload", tally.changed() - (now.softwareOffload - last.softwareOffload),
            -slack, slack);
        balance.within("coalesced, less joined", now.coalesced - last.coalesced - tally.joined(), -slack,
            slack + lost);
        balance.within("repeated", tally.repeated(), 0, slack);
        balance.exact("reordered", tally.reordered());
        balance.exact("damaged", tally.damaged());
        balance.exact("of nobody, or torn", now.sides.strange - last.sides.strange);
        List<String> problems = balance.problems();
        if (problems.isEmpty()) {
            last = now;
        }
        return problems;
    }

    /** The account of the whole run, as a line. */
    String line() {
        Tally tally = last.sides.tally();
        return String.format(Locale.ROOT, "%-14s %9d %9d %9d %9d %9d %9d %9d %9d %s", from + " to " + to,
            tally.submitted(), tally.abandoned(), last.sides.given, tally.received(), tally.repeated(),
            tally.pieces(), tally.changed(), tally.joined(), drops());
    }

    /** The account of the whole run, as a tree for JSON. */
    Map<String, Object> tree() {
        Tally tally = last.sides.tally();
        Map<String, Object> tree = new TreeMap<>();
        tree.put("from", from);
        tree.put("to", to);
        tree.put("submitted", tally.submitted());
        tree.put("abandoned", tally.abandoned());
        tree.put("taken", last.sides.given);
        tree.put("received", tally.received());
        tree.put("repeated", tally.repeated());
        tree.put("pieces", tally.pieces());
        tree.put("changed", tally.changed());
        tree.put("joined", tally.joined());
        tree.put("drops", drops());
        return tree;
    }

    private Map<String, Long> drops() {
        Map<String, Long> all = new TreeMap<>();
        if (last.sides.notSent > 0) {
            all.put("kernel.not-sent", last.sides.notSent);
        }
        last.rxDrops.forEach((reason, count) -> all.put("rx." + reason, count));
        last.txDrops.forEach((reason, count) -> all.put("tx." + reason, count));
        return all;
    }
}
