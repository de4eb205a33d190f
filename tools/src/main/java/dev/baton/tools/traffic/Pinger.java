package dev.baton.tools.traffic;

import dev.baton.ffi.RawMemory;
import org.HdrHistogram.Histogram;

/** Finds the Ethernet address of another host by ARP and pings it, one ping at a time. For one thread. */
public final class Pinger {
    private static final int ID = 0xBA70;
    private static final int PAYLOAD_BYTES = 56;
    private static final long RESEND_ARP_NS = 200_000_000L;
    private static final long LOST_NS = 3_000_000_000L;

    private final Endpoint self;
    private final Histogram roundTripNs = new Histogram(3);
    private Endpoint peer;
    private long arpSentNs;
    private boolean arpPending;
    private int wanted;
    private int sent;
    private int answered;
    private long pingSentNs;
    private boolean pending;

    /**
     * A pinger.
     *
     * @param self this host
     * @param peer the IPv4 address of the other
     */
    public Pinger(Endpoint self, int peer) {
        this.self = self;
        this.peer = new Endpoint(0, peer);
    }

    /**
     * Asks for pings.
     *
     * @param count how many
     */
    public void ping(int count) {
        wanted += count;
    }

    /**
     * The next frame to send.
     *
     * @param frame where it goes
     * @param nowNs the time
     * @return its length, or 0 when there is nothing to send now
     */
    public int next(long frame, long nowNs) {
        if (wanted == 0) {
            return 0;
        }
        if (peer.mac() == 0) {
            if (arpPending && nowNs - arpSentNs < RESEND_ARP_NS) {
                return 0;
            }
            arpPending = true;
            arpSentNs = nowNs;
            Frames.arp(frame, Frames.ARP_REQUEST, self, peer);
            return Frames.ARP_BYTES;
        }
        if (sent == wanted || (pending && nowNs - pingSentNs < LOST_NS)) {
            return 0;
        }
        pending = true;
        pingSentNs = nowNs;
        RawMemory.fill(frame + Frames.PAYLOAD, PAYLOAD_BYTES, (byte) 'b');
        Frames.echo(frame, Frames.ECHO_REQUEST, self, peer, ID, ++sent, PAYLOAD_BYTES);
        return Frames.PAYLOAD + PAYLOAD_BYTES;
    }

    /**
     * Takes a frame that may be an answer.
     *
     * @param frame  where it lies
     * @param length its length
     * @param nowNs  the time
     * @return true when it was one
     */
    public boolean accept(long frame, int length, long nowNs) {
        if (Frames.isArp(frame, length, Frames.ARP_REPLY)) {
            Endpoint sender = Frames.arpSender(frame);
            if (sender.ipv4() == peer.ipv4()) {
                peer = sender;
                arpPending = false;
            }
            return true;
        }
        if (!Frames.isIpv4(frame, length, Frames.ICMP, self.ipv4()) || Frames.echoType(frame) != Frames.ECHO_REPLY
                || Frames.echoId(frame) != ID) {
            return false;
        }
        if (pending && Frames.echoSequence(frame) == (sent & 0xFFFF) && Frames.echoIsIntact(frame)) {
            pending = false;
            answered++;
            roundTripNs.recordValue(Math.max(0, nowNs - pingSentNs));
        }
        return true;
    }

    /**
     * The other host.
     *
     * @return its addresses; the Ethernet address is 0 as long as ARP has not found it
     */
    public Endpoint peer() {
        return peer;
    }

    /**
     * Whether all pings that were asked for were answered or given up.
     *
     * @param nowNs the time
     * @return true when none is on the way or to be sent
     */
    public boolean done(long nowNs) {
        return peer.mac() != 0 && sent == wanted && (!pending || nowNs - pingSentNs >= LOST_NS);
    }

    /**
     * Pings sent so far.
     *
     * @return pings
     */
    public int sent() {
        return sent;
    }

    /**
     * Pings answered so far.
     *
     * @return pings
     */
    public int answered() {
        return answered;
    }

    /**
     * Time from ping to answer.
     *
     * @return nanoseconds
     */
    public Histogram roundTripNs() {
        return roundTripNs;
    }
}
