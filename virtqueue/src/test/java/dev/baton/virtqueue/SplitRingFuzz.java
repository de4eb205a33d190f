package dev.baton.virtqueue;

/** Fuzz target: {@link RingProgram}s on a split virtqueue. */
public final class SplitRingFuzz {
    private SplitRingFuzz() {
    }

    /** Called by the fuzzer, and for every file of the corpus by {@link CorpusTest}. */
    public static void fuzzerTestOneInput(byte[] program) {
        RingProgram.run(program, RingFormat.SPLIT);
    }
}
