package dev.baton.bench.soak;

import dev.baton.bench.BenchFailure;
import dev.baton.handover.Edge;
import dev.baton.tools.control.ControlClient;
import dev.baton.tools.control.ControlReply;
import dev.baton.tools.json.JsonReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Pattern;

/** Starts owners, has them take over from each other, and kills them. */
final class OwnerTrack extends Track {
    private static final int MEAN_GAP_MS = 300;
    /** After the answer that a guest has just had, on a busy machine: its owner still has the message in its hands. */
    private static final int SETTLE_MS = 50;
    /** How long either side of a takeover that is to fail waits for the other. */
    private static final int IMPATIENCE_SECONDS = 1;
    private static final int CURRENT_TRIES = 400;
    private static final int AGENTS = 2;
    private static final int WITNESSES = 4;
    private static final int LAST_LINES = 5;
    private static final Pattern TROUBLE = Pattern.compile("failed in a duty cycle|Exception|Error\\b|^\\s+at ");

    private final Path control;
    private final List<Daemon> started = new CopyOnWriteArrayList<>();
    private volatile Daemon owner;
    private final AtomicInteger kills = new AtomicInteger();
    private boolean ownerMayRefuse;

    /**
     * Starts the first one.
     *
     * @param control where owners listen
     * @param options of {@code baton run}
     */
    OwnerTrack(World world, Path control, List<String> options) {
        super("owner", world, EventKind.Who.OWNER, MEAN_GAP_MS);
        this.control = control;
        List<String> arguments = new ArrayList<>(List.of("run", "--control", control.toString()));
        arguments.addAll(options);
        owner = launch("", arguments);
        if (!owner.awaitReady()) {
            throw new BenchFailure(owner + " did not start: " + String.join("; ", owner.said()));
        }
    }

    private Daemon launch(String faults, List<String> arguments) {
        Daemon daemon = Daemon.start(world().options().launcher(), faults, arguments);
        started.add(daemon);
        return daemon;
    }

    /** Who owns the datapath. */
    Daemon owner() {
        return owner;
    }

    /** All that were started. */
    List<Daemon> started() {
        return started;
    }

    /** How many owners were killed. */
    int kills() {
        return kills.get();
    }

    @Override
    void happen(EventKind kind) {
        switch (kind) {
            case TAKEOVER -> takeOver(plan());
            case BROKEN -> breakOff();
            case KILL -> killOwner();
            case DEATH -> dieWithin();
            case MOVE -> move();
            default -> throw new AssertionError(kind);
        }
        checkPid();
    }

    /** What an owner that is about to begin does wrong when it is to give the datapath away, or nothing. */
    private String plan() {
        return random().nextBoolean() ? Breaks.ofOldOwner(random()) : "";
    }

    private void takeOver(String plan) {
        event(EventKind.TAKEOVER, plan.isEmpty() ? "" : "of one that will do wrong: " + plan);
        Daemon next = takeover(plan, 60);
        if (!next.awaitReady() && hadToRefuse(next)) {
            checkPid();
            next = takeover(plan, 60);
        }
        if (!next.awaitReady()) {
            throw new BenchFailure("a takeover failed: " + next.said() + "; the old owner: " + owner.said());
        }
        Daemon former = owner;
        succeed(next, Breaks.isDeath(plan) ? "" : plan);
        if (former.status() != 0) {
            throw new BenchFailure(former + " ended with status " + former.status() + ": " + former.said());
        }
    }

    /** Whether it was the owner's plan to refuse, which it does once. */
    private boolean hadToRefuse(Daemon refused) {
        if (!ownerMayRefuse) {
            return false;
        }
        note(owner + " refused " + refused + ", as it had to: " + last(refused));
        ownerMayRefuse = false;
        return true;
    }

    private Daemon takeover(String faults, int timeoutSeconds) {
        return launch(faults, List.of("takeover", "--control", control.toString(), "--timeout",
            String.valueOf(timeoutSeconds)));
    }

    private void succeed(Daemon next, String plan) {
        owner = next;
        ownerMayRefuse = !plan.isEmpty();
    }

    private void breakOff() {
        String fault = Breaks.ofNewOwner(random());
        event(EventKind.BROKEN, fault);
        boolean waits = fault.endsWith(":stop") || fault.endsWith(":silence");
        Daemon failing = takeover(fault, waits ? IMPATIENCE_SECONDS : 60);
        if (fault.endsWith(":stop")) {
            awaitRefusal(failing);
            failing.kill();
        }
        if (failing.status() == 0 || failing.awaitReady()) {
            throw new BenchFailure("a takeover that was to fail at " + fault + " did not: " + failing.said());
        }
        note("it failed: " + last(failing));
    }

    /** One that is stuck says nothing: it is over when the old owner has given it up. */
    private void awaitRefusal(Daemon stuck) {
        // At one edge it has not asked yet, and the old owner knows nothing of it.
        for (int i = 0; i < 100 && stuck.isAlive() && !isFree(); i++) {
            sleep(100);
        }
        sleep(3000);
    }

    /** Whether the owner answers. */
    private boolean isFree() {
        return ControlClient.isServed(control);
    }

    private void killOwner() {
        String plan = plan();
        Daemon standby = standby(plan);
        event(EventKind.KILL, owner + (plan.isEmpty() ? "" : ", its successor will do wrong: " + plan));
        world().rest().withoutChanges(() -> {
            settle(standby);
            kills.incrementAndGet();
            owner.kill();
            if (!standby.awaitReady()) {
                throw new BenchFailure("the standby did not go on: " + standby.said());
            }
        });
        Daemon former = owner;
        succeed(standby, plan);
        former.status();
    }

    /** An owner comes that will die at an edge of the next takeover; then that takeover, with a standby beside it. */
    private void dieWithin() {
        Edge edge = Breaks.deadly(random());
        boolean both = edge == Edge.OUTGOING_RELEASED && random().nextBoolean();
        takeOver(Breaks.death(edge));
        Daemon standby = standby("");
        event(EventKind.DEATH, owner + " at " + edge + (both ? ", and the new owner with it" : ""));
        world().rest().withoutChanges(() -> {
            settle(standby);
            kills.addAndGet(both ? 2 : 1);
            Daemon next = takeover(both ? Breaks.death(Edge.INCOMING_CLAIMED) : "", 60);
            boolean went = next.awaitReady();
            if (went && Breaks.mayBeUnanswered(edge) && hasTakenOverFrom(standby, next)) {
                relieved(standby, next);
                return;
            }
            if (went != (Breaks.isTakenBy(edge) && !both)) {
                throw new BenchFailure("an owner died at " + edge + ", and the new one " + (went ? "went on: "
                    : "did not go on: ") + next.said());
            }
            String expected = went ? "baton: standing by for pid " + next.pid() : "baton: ready";
            if (!standby.await(expected)) {
                throw new BenchFailure("an owner died at " + edge + ", and its standby did not say '" + expected + "': "
                    + standby.said());
            }
            Daemon former = owner;
            succeed(went ? next : standby, "");
            former.status();
            (went ? standby : next).terminate();
            (went ? standby : next).status();
        });
    }

    /** What front-ends have changed the standby has to know: on a busy machine it may not have read it yet. */
    private void settle(Daemon standby) {
        sleep(SETTLE_MS);
        for (int i = 0; i < CURRENT_TRIES; i++) {
            if (isCurrent(standby)) {
                return;
            }
            sleep(SETTLE_MS);
        }
        throw new BenchFailure(standby + " does not come to know what has changed");
    }

    private boolean isCurrent(Daemon standby) {
        try (ControlClient client = ControlClient.connect(control); ControlReply reply = client.ask("counters")) {
            return JsonReader.at(reply.document(), "standbys") instanceof List<?> standbys
                && standbys.stream().anyMatch(one -> JsonReader.at(one, "pid") instanceof Number pid
                    && pid.longValue() == standby.pid() && "current".equals(JsonReader.text(one, "state")));
        } catch (IOException e) {
            throw new BenchFailure(owner + " does not say who stands by: " + e.getMessage(), e);
        }
    }

    private static boolean hasTakenOverFrom(Daemon former, Daemon next) {
        return next.said().stream().anyMatch(line -> line.startsWith("taken over from pid " + former.pid() + ":"));
    }

    /** The new owner had no answer yet when the old one died, and asked again: the standby, which had gone on. */
    private void relieved(Daemon standby, Daemon next) {
        note("the new one had no answer, and has taken over from the standby");
        Daemon former = owner;
        succeed(next, "");
        former.status();
        if (!standby.awaitReady() || standby.status() != 0) {
            throw new BenchFailure(standby + " was to go on, and to end when it was relieved: " + standby.said());
        }
    }

    private Daemon standby(String plan) {
        List<String> arguments = List.of("standby", "--control", control.toString());
        Daemon standby = launch(plan, arguments);
        if (!standby.await("baton: standing by") && hadToRefuse(standby)) {
            standby = launch(plan, arguments);
        }
        if (!standby.await("baton: standing by")) {
            throw new BenchFailure("a standby could not attach: " + standby.said() + "; the owner: " + owner.said());
        }
        return standby;
    }

    private void move() {
        List<String> ports = world().ports();
        String port = ports.get(random().nextInt(ports.size()));
        int pair = random().nextInt(world().options().queuePairs());
        int agent = random().nextInt(AGENTS);
        event(EventKind.MOVE, "pair " + pair + " of " + port + " to agent " + agent);
        try (ControlClient client = ControlClient.connect(control);
             ControlReply _ = client.ask("move " + port + " " + pair + " " + agent)) {
            note("moved");
        } catch (IOException e) {
            if (!String.valueOf(e.getMessage()).contains("already")) {
                throw new BenchFailure("a move failed: " + e.getMessage(), e);
            }
        }
    }

    private void checkPid() {
        try {
            int pid = ControlClient.pidBehind(control);
            if (pid != owner.pid()) {
                throw new BenchFailure("process " + pid + " answers, not " + owner);
            }
        } catch (IOException e) {
            throw new BenchFailure(owner + " does not answer: " + e.getMessage() + "; it said " + owner.said(), e);
        }
    }

    /** Processes that should have ended, and words that nobody should have to say; forgets the others. */
    List<String> leftovers() {
        List<String> problems = new ArrayList<>();
        for (Daemon daemon : started) {
            if (daemon != owner && daemon.isAlive()) {
                problems.add(daemon + " is still there: " + daemon.said());
            }
            daemon.said().stream().filter(line -> TROUBLE.matcher(line).find())
                .forEach(line -> problems.add(daemon + " said: " + line));
        }
        if (problems.isEmpty()) {
            started.removeIf(daemon -> daemon != owner);
        }
        return problems;
    }

    private void note(String text) {
        world().history().note(name(), text);
    }

    /** What the last few owners, and who would be one, have said last. */
    List<String> lastWords() {
        return started.stream().skip(Math.max(0, started.size() - WITNESSES)).map(daemon -> daemon + " said last: "
            + daemon.said().stream().filter(line -> !line.isEmpty()).toList().reversed().stream().limit(LAST_LINES)
                .toList().reversed()).toList();
    }

    private static String last(Daemon daemon) {
        List<String> said = daemon.said().stream().filter(line -> !line.isEmpty()).toList();
        return said.isEmpty() ? "without a word" : said.getLast();
    }

    @Override
    public void close() {
        for (Daemon daemon : started) {
            if (daemon.isAlive()) {
                daemon.terminate();
            }
        }
        for (Daemon daemon : started) {
            try {
                daemon.status();
            } catch (BenchFailure e) {
                daemon.kill();
                note(String.valueOf(e.getMessage()));
            }
        }
    }
}
