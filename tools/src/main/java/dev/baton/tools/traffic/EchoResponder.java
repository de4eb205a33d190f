package dev.baton.tools.traffic;

import dev.baton.ffi.RawMemory;

/** Answers ARP requests and pings for one host. */
public final class EchoResponder {
    private final Endpoint self;
    private long arpAnswered;
    private long echoesAnswered;

    /**
     * A responder.
     *
     * @param self the host
     */
    public EchoResponder(Endpoint self) {
        this.self = self;
    }

    /**
     * Whether a frame wants an answer of this responder.
     *
     * @param frame  where it lies
     * @param length its length
     * @return true for an ARP request or an intact echo request for the host
     */
    public boolean wants(long frame, int length) {
        if (Frames.isArp(frame, length, Frames.ARP_REQUEST)) {
            return Frames.arpTarget(frame) == self.ipv4();
        }
        return Frames.isIpv4(frame, length, Frames.ICMP, self.ipv4()) && Frames.echoType(frame) == Frames.ECHO_REQUEST
                && Frames.payloadBytes(frame) <= Flow.MAX_PAYLOAD_BYTES && Frames.echoIsIntact(frame);
    }

    /**
     * Writes the answer to a frame that {@link #wants} one.
     *
     * @param frame  where the frame lies
     * @param answer where the answer goes, 1514 bytes of room
     * @return its length
     */
    public int answer(long frame, long answer) {
        if (Frames.etherType(frame) == Frames.TYPE_ARP) {
            arpAnswered++;
            Frames.arp(answer, Frames.ARP_REPLY, self, Frames.arpSender(frame));
            return Frames.ARP_BYTES;
        }
        echoesAnswered++;
        int payload = Frames.payloadBytes(frame);
        RawMemory.copy(frame + Frames.PAYLOAD, answer + Frames.PAYLOAD, payload);
        Frames.echo(answer, Frames.ECHO_REPLY, self, new Endpoint(Frames.source(frame), Frames.ipv4Source(frame)),
                Frames.echoId(frame), Frames.echoSequence(frame), payload);
        return Frames.PAYLOAD + payload;
    }

    /**
     * ARP requests answered so far.
     *
     * @return requests
     */
    public long arpAnswered() {
        return arpAnswered;
    }

    /**
     * Pings answered so far.
     *
     * @return pings
     */
    public long echoesAnswered() {
        return echoesAnswered;
    }
}
