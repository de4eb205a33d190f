package dev.baton.tools.traffic;

import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.PortUnreachableException;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.util.ArrayList;
import java.util.List;

/**
 * Test flows over UDP sockets of this kernel, one socket for each flow. For one thread, whose network namespace the
 * sockets belong to when it opens them.
 *
 * <p>A multiqueue TAP sends a flow to the queue that the flow's frames came from last, and before any came to one that
 * it computes. The change from one to the other may reorder, so a flow sends nothing before it has heard of its other
 * end twice: the kernel notes the queue after it has delivered the frame.
 */
public final class DatagramFlows implements AutoCloseable {
    private static final int BURST = 32;
    private static final int RECEIVE_BUFFER_BYTES = 4 << 20;
    /** What a frame costs of a socket's buffer at most: a page, its header, and an acknowledgement beside it. */
    private static final int COST_BYTES = 4096;
    private static final int HEARD_ENOUGH = 2;

    private final Mapping memory = Mapping.anonymous(2L << 16);
    private final ByteBuffer outgoing = RawMemory.segment(memory.address(), 1 << 16).asByteBuffer();
    private final ByteBuffer incoming = RawMemory.segment(memory.address() + (1 << 16), 1 << 16).asByteBuffer();
    private final Selector selector;
    private final List<DatagramChannel> channels = new ArrayList<>();
    private final List<Flow> flows = new ArrayList<>();
    private boolean sending;

    private DatagramFlows(Selector selector) {
        this.selector = selector;
    }

    /**
     * Opens the sockets.
     *
     * @param self   this host's IPv4 address
     * @param peer   the other host's
     * @param count  how many flows
     * @param window frames of a flow that may be on the way, at most; fewer where the kernel gives small buffers
     * @return the flows
     * @throws IOException when a socket cannot be had
     */
    public static DatagramFlows open(Endpoint self, Endpoint peer, int count, int window) throws IOException {
        DatagramFlows flows = new DatagramFlows(Selector.open());
        try {
            for (int i = 0; i < count; i++) {
                int port = Station.FIRST_PORT + i;
                DatagramChannel channel = DatagramChannel.open(StandardProtocolFamily.INET);
                flows.channels.add(channel);
                channel.setOption(StandardSocketOptions.SO_RCVBUF, RECEIVE_BUFFER_BYTES);
                int room = channel.getOption(StandardSocketOptions.SO_RCVBUF);
                flows.flows.add(new Flow(i, Math.max(1, Math.min(window, room / COST_BYTES))));
                channel.bind(new InetSocketAddress(InetAddress.getByName(self.address()), port));
                channel.connect(new InetSocketAddress(InetAddress.getByName(peer.address()), port));
                channel.configureBlocking(false);
                channel.register(flows.selector, SelectionKey.OP_READ);
            }
            return flows;
        } catch (IOException | RuntimeException e) {
            flows.close();
            throw e;
        }
    }

    /**
     * Does what there is to do.
     *
     * @return datagrams received or sent
     * @throws IOException when a socket fails
     */
    public int step() throws IOException {
        int work = 0;
        for (int i = 0; i < flows.size(); i++) {
            work += step(channels.get(i), flows.get(i));
        }
        if (work == 0) {
            for (int i = 0; i < flows.size(); i++) {
                work += acknowledge(channels.get(i), flows.get(i), true);
            }
        }
        return work;
    }

    private int step(DatagramChannel channel, Flow flow) throws IOException {
        int work = 0;
        for (int i = 0; i < BURST; i++) {
            int length = receive(channel);
            if (length <= 0) {
                break;
            }
            flow.accept(memory.address() + (1 << 16), length, System.nanoTime());
            work++;
        }
        for (int i = 0; i < BURST && sending && flow.heard() >= HEARD_ENOUGH && flow.maySend(); i++) {
            if (!send(channel, flow.writeData(memory.address(), System.nanoTime()))) {
                break;
            }
            flow.sent();
            work++;
        }
        return work + acknowledge(channel, flow, false);
    }

    private int acknowledge(DatagramChannel channel, Flow flow, boolean idle) throws IOException {
        if (flow.acknowledgementDue(idle) && send(channel, flow.writeAcknowledgement(memory.address()))) {
            flow.acknowledgementSent();
            return 1;
        }
        return 0;
    }

    private int receive(DatagramChannel channel) throws IOException {
        try {
            return channel.read(incoming.clear());
        } catch (PortUnreachableException e) {
            // What an earlier datagram met; the other end was not there yet.
            return 0;
        }
    }

    private boolean send(DatagramChannel channel, int length) throws IOException {
        try {
            return channel.write(outgoing.clear().limit(length)) == length;
        } catch (PortUnreachableException e) {
            return false;
        }
    }

    /**
     * Sleeps until a datagram arrives.
     *
     * @param timeoutMs at most so long, milliseconds
     * @throws IOException when the selector fails
     */
    public void await(int timeoutMs) throws IOException {
        selector.select(timeoutMs);
        selector.selectedKeys().clear();
    }

    /**
     * Starts or ends the sending of data.
     *
     * @param on true to send
     */
    public void sending(boolean on) {
        sending = on;
    }

    /**
     * The flows.
     *
     * @return the flows by number
     */
    public List<Flow> flows() {
        return List.copyOf(flows);
    }

    @Override
    public void close() {
        try {
            for (DatagramChannel channel : channels) {
                channel.close();
            }
            selector.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            memory.close();
        }
    }
}
