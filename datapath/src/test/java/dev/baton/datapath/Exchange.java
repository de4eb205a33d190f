package dev.baton.datapath;

/** Frames that two guests send each other, until all have come. */
final class Exchange {
    private final TestGuest a;
    private final TestGuest b;
    private final SequencedFrames there = new SequencedFrames();
    private final SequencedFrames back = new SequencedFrames();

    Exchange(TestGuest a, TestGuest b) {
        this.a = a;
        this.b = b;
    }

    /** So many more in each direction. */
    void play(int frames) {
        long until = there.sent() + frames;
        while (there.sent() < until || there.received() < there.sent() || back.received() < back.sent()) {
            if (there.sent() < until) {
                there.send(a, 0, 60);
                back.send(b, 0, 60);
            }
            b.receive(0, there);
            a.receive(0, back);
        }
    }

    /** How many were lost, repeated, out of order or damaged. */
    long wrong() {
        return there.wrong() + back.wrong();
    }
}
