package dev.baton.bench.compare;

import java.util.function.LongSupplier;

/** A back end and the client behind it: what counts are the frames that arrive, and what the back end's core did. */
final class Forwarder implements Contender {
    private final String name;
    private final BackEnd backEnd;
    private final Client client;
    private final LongSupplier frames;

    private Forwarder(String name, BackEnd backEnd, Client client, LongSupplier frames) {
        this.name = name;
        this.backEnd = backEnd;
        this.client = client;
        this.frames = frames;
    }

    /** Its frames arrive at the client. */
    static Forwarder toClient(String name, BackEnd backEnd, Client client) {
        return new Forwarder(name, backEnd, client, client::received);
    }

    /** Its frames arrive at the kernel, or end in the back end. */
    static Forwarder fromClient(String name, BackEnd backEnd, Client client) {
        return new Forwarder(name, backEnd, client, backEnd::taken);
    }

    @Override
    public String name() {
        return name;
    }

    /** From a start to a stop of the client. */
    @Override
    public Sample run(double seconds) {
        backEnd.resume();
        client.resume();
        client.start();
        Pause.settle();
        Cost costBefore = backEnd.cost();
        double busyBefore = client.busyNs();
        long before = frames.getAsLong();
        long beforeNs = System.nanoTime();
        Pause.seconds(seconds);
        long after = frames.getAsLong();
        long afterNs = System.nanoTime();
        double busyAfter = client.busyNs();
        double clientNs = System.nanoTime() - beforeNs;
        Cost costAfter = backEnd.cost();
        client.stop();
        client.pause();
        backEnd.pause();
        Sample sample = Sample.of(Metric.FRAMES, (after - before) * 1e9 / (afterNs - beforeNs),
            Metric.CORE, costAfter.perFrameSince(costBefore));
        return Double.isNaN(busyAfter) ? sample
            : sample.and(Metric.CLIENT, (busyAfter - busyBefore) / clientNs);
    }

    @Override
    public void close() {
        client.close();
        backEnd.close();
    }
}
