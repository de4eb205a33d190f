package dev.baton.bench.soak;

import dev.baton.bench.BenchFailure;
import dev.baton.ffi.Errno;
import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.NetDevice;
import dev.baton.ffi.NetworkNamespace;
import dev.baton.ffi.PacketSocket;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** The kernel's side of the TAP: sends and receives by a packet socket, and takes the interface down and up. */
final class HostTrack extends Track {
    private static final int MEAN_GAP_MS = 4000;
    private static final int FRAME_BYTES = 66 << 10;
    private static final int MTU = 9000;
    /** Of the host's own frames none comes back to the socket that they were sent by, see packet(7). */
    private static final int ALL_ETHERTYPES = 3;
    private static final int RECEIVE_BUFFER_BYTES = 32 << 20;
    private static final int BURST = 24;

    private final Fd namespace;
    private final String tap;
    private final Stream stream;
    private final Arrivals arrivals;
    private final SoakPacket packet = new SoakPacket();
    private final Mapping memory = Mapping.anonymous(2L * FRAME_BYTES);
    private final Fd socket;
    private final int burstsPerSecond;
    private long nextBurstNs;
    private final AtomicInteger linkChanges = new AtomicInteger();

    /** Behind this TAP, which is there already. */
    HostTrack(World world, Fd namespace, String tap, Stream stream, List<Stream> expected) {
        super("host", world, EventKind.Who.HOST, MEAN_GAP_MS);
        this.namespace = namespace;
        this.tap = tap;
        this.stream = stream;
        this.arrivals = new Arrivals(expected, false);
        this.burstsPerSecond = Math.max(1, world.options().rate() * 2 / BURST);
        this.socket = NetworkNamespace.call(namespace,
            () -> PacketSocket.open(tap, ALL_ETHERTYPES, RECEIVE_BUFFER_BYTES));
        NetworkNamespace.call(namespace, () -> {
            NetDevice.mtu(tap, MTU);
            return MTU;
        });
    }

    @Override
    void happen(EventKind kind) {
        int ms = random().nextInt(300);
        event(kind, "down for " + ms + " ms");
        linkChanges.incrementAndGet();
        link(false);
        live(ms);
        link(true);
    }

    private void link(boolean up) {
        NetworkNamespace.call(namespace, () -> {
            NetDevice.up(tap, up);
            return up;
        });
    }

    @Override
    boolean step(boolean busy) {
        int received = receive();
        if (busy && System.nanoTime() - nextBurstNs > 0) {
            nextBurstNs = System.nanoTime() + 1_000_000_000L / burstsPerSecond;
            send(traffic().nextInt(BURST + 1));
        }
        return !busy && received == 0;
    }

    private void send(int frames) {
        for (int i = 0; i < frames; i++) {
            if (traffic().nextInt(32) == 0) {
                sendTrain();
            } else {
                int length = drawLength();
                SoakFrame.write(memory.address(), stream.id(), stream.submit(), length);
                write(length);
            }
        }
    }

    private void sendTrain() {
        int cars = packet.drawTrain(0, traffic());
        for (int car = 0; car < cars; car++) {
            packet.car(car);
            packet.write(0, memory.address(), stream.id(), stream.submit());
            write(packet.lengthBytes());
        }
    }

    private void write(int length) {
        if (check(FileIo.write(socket.value(), memory.address(), length)) > 0) {
            stream.taken(1);
        } else {
            stream.abandoned(1);
        }
    }

    private int drawLength() {
        int kind = traffic().nextInt(32);
        return kind > 7 ? SoakFrame.MIN_BYTES : traffic().nextInt(SoakFrame.MIN_BYTES,
            (kind == 0 ? SoakFrame.JUMBO_BYTES : SoakFrame.MAX_BYTES) + 1);
    }

    private int receive() {
        long place = memory.address() + FRAME_BYTES;
        int frames = 0;
        long length;
        while ((length = check(FileIo.read(socket.value(), place, FRAME_BYTES))) > 0) {
            arrivals.arrived(0, 0, place, (int) length, 0);
            frames++;
        }
        return frames;
    }

    private static long check(long result) {
        if (result < 0 && result != -Errno.EAGAIN && result != -Errno.ENOBUFS && result != -Errno.ENETDOWN) {
            throw new BenchFailure("the packet socket: " + Errno.describe((int) -result));
        }
        return result;
    }

    /** What the kernel counts at the interface. */
    Interface counters() {
        return NetworkNamespace.call(namespace, () -> {
            try {
                return Interface.of(tap, Files.readAllLines(Path.of("/proc/thread-self/net/dev")));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }

    Tally tally() {
        return stream.tally();
    }

    long strange() {
        return arrivals.strange();
    }

    /** How often the interface went down and up. */
    int linkChanges() {
        return linkChanges.get();
    }

    @Override
    public void close() {
        socket.close();
        memory.close();
        arrivals.close();
        packet.close();
    }
}
