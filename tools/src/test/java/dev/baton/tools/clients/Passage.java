package dev.baton.tools.clients;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.tools.clients.TwoQemuGuests.End;
import java.time.Duration;
import java.util.List;

/**
 * What passed from a guest to another one while they did something, as the guests' interfaces and Baton counted it.
 *
 * @param sentFrames     that the one guest's driver sent
 * @param sentBytes      of them
 * @param receivedFrames that the other guest's driver got
 * @param receivedBytes  of them
 * @param joined         frames sent that Baton says were part of a larger one
 * @param inSoftware     frames received that Baton says it cut or summed up
 * @param drops          frames that Baton dropped at either port
 * @param faults         frames that the other guest threw away: its driver, IP and TCP, those with a wrong checksum too
 * @param retransmitted  TCP segments that the one guest sent again
 */
record Passage(long sentFrames, long sentBytes, long receivedFrames, long receivedBytes, long joined, long inSoftware,
        long drops, long faults, long retransmitted) {
    private static final Duration LIMIT = Duration.ofMinutes(1);

    /** Measures what passes while this runs. */
    static Passage measure(BatonProcess baton, End from, End to, Runnable work) {
        Passage before = read(baton, from, to);
        work.run();
        baton.settled();
        Passage passage = read(baton, from, to).minus(before);
        System.out.printf("%s to %s: %s%n", from.port(), to.port(), passage);
        return passage;
    }

    /** All counters at a moment at which nothing moves. */
    private static Passage read(BatonProcess baton, End from, End to) {
        Passage[] read = new Passage[1];
        Poll.until(LIMIT, () -> "the counters stand still", () -> {
            BatonProcess.Stat stat = baton.stat();
            List<Long> sent = from.statistics("tx_packets", "tx_bytes");
            List<Long> received = to.statistics("rx_packets", "rx_bytes", "rx_errors", "rx_dropped");
            long faults = received.get(2) + received.get(3) + to.snmp("Ip", "InHdrErrors") + to.snmp("Tcp", "InErrs")
                    + to.snmp("Udp", "InCsumErrors");
            read[0] = new Passage(sent.get(0), sent.get(1), received.get(0), received.get(1),
                    stat.number(to.port(), "coalesced"), stat.number(to.port(), "softwareOffload"),
                    stat.drops(from.port()) + stat.drops(to.port()), faults, from.snmp("Tcp", "RetransSegs"));
            return baton.stat().frames() == stat.frames();
        });
        return read[0];
    }

    private Passage minus(Passage before) {
        return new Passage(sentFrames - before.sentFrames, sentBytes - before.sentBytes,
                receivedFrames - before.receivedFrames, receivedBytes - before.receivedBytes, joined - before.joined,
                inSoftware - before.inSoftware, drops - before.drops, faults - before.faults,
                retransmitted - before.retransmitted);
    }

    long bytesOfAFrameSent() {
        return sentBytes / sentFrames;
    }

    long bytesOfAFrameReceived() {
        return receivedBytes / receivedFrames;
    }

    /** Fails unless nothing was dropped or refused on the way. */
    Passage whole() {
        assertThat(drops).as("drops: %s", this).isZero();
        assertThat(faults).as("faults: %s", this).isZero();
        return this;
    }

    /**
     * Fails unless all that was sent was received but for headers, which joined frames have once.
     *
     * @param headerBytes of each frame that may be joined
     */
    Passage lacksHeadersOnly(int headerBytes) {
        assertThat(sentBytes - receivedBytes).as("bytes that did not arrive: %s", this)
                .isEqualTo(headerBytes * (sentFrames - receivedFrames));
        return this;
    }
}
