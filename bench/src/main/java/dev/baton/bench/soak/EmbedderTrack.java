package dev.baton.bench.soak;

import dev.baton.datapath.Datapath;
import dev.baton.datapath.DatapathConfig;
import dev.baton.datapath.LoopbackPortConfig;
import dev.baton.datapath.MemoryDriver;
import dev.baton.datapath.MemoryPort;
import dev.baton.datapath.MemoryPortConfig;
import dev.baton.datapath.Port;
import dev.baton.datapath.Wire;
import dev.baton.ffi.Mapping;
import java.util.List;

/**
 * An application with a datapath of its own, in which ports and wires come and go while two others carry frames. Those
 * two are to lose nothing; what the others lose when they go, nobody counts.
 */
final class EmbedderTrack extends Track {
    private static final int MEAN_GAP_MS = 400;
    private static final int BURST = 16;

    private final Datapath datapath = Datapath.launch(DatapathConfig.defaults());
    private final Mapping memory = Mapping.anonymous(SoakFrame.MAX_BYTES + 2);
    private final Stream stream;
    private final MemoryDriver left;
    private final MemoryDriver right;
    private int names;

    EmbedderTrack(World world, Stream stream) {
        super("embedder", world, EventKind.Who.EMBEDDER, MEAN_GAP_MS);
        this.stream = stream;
        MemoryPort a = datapath.add(MemoryPortConfig.named("stays-a"));
        MemoryPort b = datapath.add(MemoryPortConfig.named("stays-b"));
        datapath.wire(a, b);
        left = a.driver(0);
        right = b.driver(0);
    }

    @Override
    void happen(EventKind kind) {
        boolean loop = random().nextBoolean();
        boolean unwire = random().nextBoolean();
        int pairs = 1 + random().nextInt(4);
        int ms = random().nextInt(60);
        event(kind, pairs + " queue pairs to " + (loop ? "a loopback port" : "another port") + " for " + ms + " ms");
        MemoryPort port = datapath.add(MemoryPortConfig.named("a" + names++).withQueuePairs(pairs));
        Port other = loop ? datapath.add(new LoopbackPortConfig("b" + names++, pairs))
            : datapath.add(MemoryPortConfig.named("b" + names++).withQueuePairs(pairs));
        Wire wire = datapath.wire(port, other);
        for (int pair = 0; pair < pairs; pair++) {
            send(port.driver(pair), new Stream(-1, "unheard"));
        }
        live(ms);
        if (unwire) {
            datapath.unwire(wire);
        }
        datapath.remove(port);
        datapath.remove(other);
    }

    @Override
    boolean step(boolean busy) {
        int received = right.receive(stream::arrived, Integer.MAX_VALUE);
        if (busy) {
            send(left, stream);
        }
        Tally tally = stream.tally();
        return !busy && received == 0 && tally.received() == tally.taken();
    }

    private void send(MemoryDriver driver, Stream into) {
        for (int i = traffic().nextInt(BURST + 1); i > 0; i--) {
            int length = traffic().nextInt(SoakFrame.MIN_BYTES, SoakFrame.MAX_BYTES + 1);
            SoakFrame.write(memory.address(), into.id(), into.nextNumber(), length);
            if (!driver.send(memory.address(), length)) {
                break;
            }
            into.submit();
            into.taken(1);
        }
    }

    @Override
    String state() {
        Tally tally = stream.tally();
        return tally.taken() - tally.received() + " frames of the ports that stay are missing";
    }

    /** Nothing may be lost here. */
    List<String> problems() {
        Tally tally = stream.tally();
        Balance balance = new Balance("ports that stayed while others came and went");
        balance.exact("taken, less received", tally.taken() - tally.received());
        balance.exact("repeated, reordered or damaged", tally.repeated() + tally.reordered() + tally.damaged());
        return balance.problems();
    }

    @Override
    public void close() {
        datapath.close();
        memory.close();
    }
}
