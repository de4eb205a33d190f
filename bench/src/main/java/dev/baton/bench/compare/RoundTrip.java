package dev.baton.bench.compare;

/** A back end with a single frame on the way: how long a guest waits until it is back. */
final class RoundTrip implements Contender {
    private final String name;
    private final BackEnd backEnd;
    private final Guest guest;

    RoundTrip(String name, BackEnd backEnd, Guest guest) {
        this.name = name;
        this.backEnd = backEnd;
        this.guest = guest;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public Sample run(double seconds) {
        backEnd.resume();
        guest.resume();
        guest.start();
        Pause.settle();
        guest.times();
        Pause.seconds(seconds);
        Sample times = guest.times();
        guest.stop();
        guest.pause();
        backEnd.pause();
        return times;
    }

    @Override
    public void close() {
        guest.close();
        backEnd.close();
    }
}
