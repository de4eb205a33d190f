package dev.baton.bench.soak;

import dev.baton.bench.BenchFailure;
import java.util.List;

/**
 * What the kernel counts at a network interface (proc_net(5), {@code dev}).
 *
 * @param received   frames that the interface got, for a TAP those that its owner wrote
 * @param sent       frames that it gave away, for a TAP those that its owner read
 * @param notSent    frames that it was to send and dropped, because its queue was full or it was down
 */
record Interface(long received, long sent, long notSent) {
    private static final int RECEIVED = 1;
    private static final int SENT = 9;
    private static final int NOT_SENT = 11;

    static Interface of(String name, List<String> lines) {
        for (String line : lines) {
            String[] words = line.strip().split("[:\\s]+", -1);
            if (words[0].equals(name)) {
                return new Interface(Long.parseLong(words[1 + RECEIVED]), Long.parseLong(words[1 + SENT]),
                    Long.parseLong(words[1 + NOT_SENT]));
            }
        }
        throw new BenchFailure("there is no interface " + name);
    }
}
