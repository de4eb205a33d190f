package dev.baton.bench.soak;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.random.RandomGenerator;

/** What happens to a datapath, who does it, and how often compared to the other things that they do. */
enum EventKind {
    /** Another process takes over. */
    TAKEOVER(Who.OWNER, 4, "another process takes over"),
    /** A takeover that comes to nothing: at a random edge, or a section is spoilt. */
    BROKEN(Who.OWNER, 4, "a takeover breaks off, at any edge or by a spoilt section; the old owner goes on"),
    /** The owner is killed. */
    KILL(Who.OWNER, 2, "the owner is killed by SIGKILL; its standby goes on"),
    /** The owner, or both owners, are killed within a handover. */
    DEATH(Who.OWNER, 2, "within a takeover the old owner is killed, or both are; the new one or a standby goes on"),
    /** A queue pair changes its agent. */
    MOVE(Who.OWNER, 6, "queue pairs change their agent"),
    /** Rings stop in order, and the guest comes back as another one. */
    RECONNECT(Who.GUEST, 4, "a guest stops its rings, goes, and another comes: other features, format, sizes"),
    /** The connection is closed in the middle of bursts. */
    VANISH(Who.GUEST, 4, "a guest goes in the middle of bursts, without a word, and another comes"),
    /** Rings stop and start again where they were. */
    RESTART(Who.GUEST, 4, "rings are stopped and started again"),
    /** A ring starts anew in another size. */
    RESIZE(Who.GUEST, 3, "a ring is stopped and made anew in another size"),
    /** Running rings get other eventfds. */
    NOTIFIERS(Who.GUEST, 3, "the kick and call descriptors of a running ring are replaced"),
    /** Queues are disabled for a while. */
    DISABLE(Who.GUEST, 4, "queues are disabled and enabled again"),
    /** The guest does not look at its rings for a while. */
    LAZY(Who.GUEST, 4, "a guest does not take what arrives for a while"),
    /** The memory table changes. */
    MEMORY(Who.GUEST, 4, "the memory table changes under running rings"),
    /** A ring is broken on purpose. */
    HOSTILE(Who.GUEST, 2, "a guest breaks the rules of its rings; only its own port may suffer"),
    /** Memory is cut short in the middle of bursts. */
    CUT(Who.CUTTER, 1, "a guest cuts its memory short; its connection ends, and another comes"),
    /** The TAP interface goes down and up. */
    LINK(Who.HOST, 1, "the TAP interface goes down, and up again"),
    /** Clients of the control socket send rubbish. */
    RUBBISH(Who.CLIENT, 1, "clients of the control socket send rubbish, or nothing"),
    /** Ports come and go in an embedded datapath. */
    PORTS(Who.EMBEDDER, 1, "ports and wires come and go at run time, by the embedding API");

    private final Who who;
    private final int weight;
    private final String what;

    /** Who makes it happen; each decides on its own, by the seed. */
    enum Who { OWNER, GUEST, CUTTER, HOST, CLIENT, EMBEDDER }

    EventKind(Who who, int weight, String what) {
        this.who = who;
        this.weight = weight;
        this.what = what;
    }

    /** The name as users write it. */
    String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    String what() {
        return what;
    }

    static List<EventKind> of(Who who, List<EventKind> left) {
        return Arrays.stream(values()).filter(kind -> kind.who == who && !left.contains(kind)).toList();
    }

    /** Each of these once, the rarest first: a short run has all that matters in it. Among equals the seed decides. */
    static List<EventKind> onceEach(List<EventKind> kinds, RandomGenerator random) {
        List<EventKind> all = new ArrayList<>(kinds);
        Collections.shuffle(all, random);
        all.sort(Comparator.comparingInt(kind -> kind.weight));
        return all;
    }

    /** One of these, which are not none, by their weights. */
    static EventKind draw(List<EventKind> kinds, RandomGenerator random) {
        int at = random.nextInt(kinds.stream().mapToInt(kind -> kind.weight).sum());
        for (EventKind kind : kinds) {
            at -= kind.weight;
            if (at < 0) {
                return kind;
            }
        }
        throw new AssertionError(kinds);
    }
}
