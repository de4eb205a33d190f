package dev.baton.tools.traffic;

import dev.baton.datapath.FrameHandler;
import java.util.ArrayList;
import java.util.List;

/**
 * A small host on frames: answers ARP and pings, pings another host, and runs one test flow on each of its queue
 * pairs. For one thread, which calls {@link #step} again and again.
 */
public final class Station {
    /** The UDP port of flow 0; flow n has the n-th after it, on both ends. */
    public static final int FIRST_PORT = 7000;

    private static final int BURST = 32;

    private final Endpoint self;
    private final List<Queue> queues = new ArrayList<>();
    private final EchoResponder responder;
    private final Pinger pinger;
    private boolean sending;

    /**
     * A host.
     *
     * @param self   its addresses
     * @param peer   the IPv4 address of the other host
     * @param ports  its queue pairs, one flow on each
     * @param window frames of a flow that may be on the way
     */
    public Station(Endpoint self, int peer, List<? extends FramePort> ports, int window) {
        this.self = self;
        this.responder = new EchoResponder(self);
        this.pinger = new Pinger(self, peer);
        for (int i = 0; i < ports.size(); i++) {
            queues.add(new Queue(ports.get(i), i, window));
        }
    }

    /**
     * Does what there is to do. The time of every frame is {@link System#nanoTime()}, which on Linux is one clock for
     * all processes: CLOCK_MONOTONIC.
     *
     * @return frames received or sent
     */
    public int step() {
        int work = 0;
        for (Queue queue : queues) {
            work += queue.step();
        }
        work += ping(queues.getFirst());
        for (Queue queue : queues) {
            if (work == 0) {
                work += queue.acknowledge(true);
            }
            queue.port.flush();
        }
        return work;
    }

    private int ping(Queue queue) {
        long place = queue.port.reserve();
        int length = place == 0 ? 0 : pinger.next(place, System.nanoTime());
        return length == 0 ? 0 : queue.commit(length);
    }

    /**
     * Starts or ends the sending of data frames.
     *
     * @param on true to send
     */
    public void sending(boolean on) {
        sending = on;
    }

    /**
     * The pinger of this host.
     *
     * @return the pinger
     */
    public Pinger pinger() {
        return pinger;
    }

    /**
     * The responder of this host.
     *
     * @return the responder
     */
    public EchoResponder responder() {
        return responder;
    }

    /**
     * The flows of this host.
     *
     * @return the flows by number
     */
    public List<Flow> flows() {
        return queues.stream().map(queue -> queue.flow).toList();
    }

    /** A queue pair and the flow on it. */
    private final class Queue implements FrameHandler {
        private final FramePort port;
        private final Flow flow;
        private final int udpPort;

        Queue(FramePort port, int number, int window) {
            this.port = port;
            this.flow = new Flow(number, window);
            this.udpPort = FIRST_PORT + number;
        }

        int step() {
            int work = port.receive(this, BURST);
            for (int i = 0; i < BURST && sending && flow.maySend(); i++) {
                long place = port.reserve();
                if (place == 0 || !sendUdp(place, flow.writeData(place + Frames.PAYLOAD, System.nanoTime()))) {
                    break;
                }
                flow.sent();
                work++;
            }
            return work + acknowledge(false);
        }

        int acknowledge(boolean idle) {
            if (!flow.acknowledgementDue(idle)) {
                return 0;
            }
            long place = port.reserve();
            if (place != 0 && sendUdp(place, flow.writeAcknowledgement(place + Frames.PAYLOAD))) {
                flow.acknowledgementSent();
                return 1;
            }
            return 0;
        }

        private boolean sendUdp(long frame, int payloadBytes) {
            boolean open = port.takesOpenChecksums();
            int length = Frames.udp(frame, self, pinger.peer(), udpPort, payloadBytes, open);
            return port.commit(length, open);
        }

        int commit(int length) {
            return port.commit(length, false) ? 1 : 0;
        }

        /** A frame to another flow's port is that flow's: the other side chooses the queue. */
        @Override
        public void frame(long frame, int length) {
            if (Frames.isIpv4(frame, length, Frames.UDP, self.ipv4())) {
                int number = Frames.udpDestinationPort(frame) - FIRST_PORT;
                if (number >= 0 && number < queues.size()) {
                    queues.get(number).flow
                            .accept(frame + Frames.PAYLOAD, Frames.payloadBytes(frame), System.nanoTime());
                }
            } else if (responder.wants(frame, length)) {
                long place = port.reserve();
                if (place != 0) {
                    port.commit(responder.answer(frame, place), false);
                }
            } else {
                pinger.accept(frame, length, System.nanoTime());
            }
        }
    }
}
