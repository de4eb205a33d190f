package dev.baton.bench;

import dev.baton.ffi.Fd;
import dev.baton.ffi.IovecArray;
import dev.baton.ffi.NetDevice;
import dev.baton.ffi.NetworkNamespace;
import dev.baton.ffi.RawMemory;
import dev.baton.tap.StagingBuffers;
import dev.baton.tap.TapBurst;
import dev.baton.tap.TapConfig;
import dev.baton.tap.TapDevice;
import dev.baton.tap.TapQueue;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** A TAP in a network namespace of its own, with one frame to write and a stack behind it that sends. */
@State(Scope.Thread)
@SuppressWarnings("NullAway.Init") // JMH calls open() first.
public class BenchTap {
    private static final int HEADER = TapDevice.HEADER_BYTES;
    private static final int ETHERNET_IP_UDP = 14 + 20 + 8;
    /** 0x88b5 in network byte order, for local experiments: no protocol of the stack takes it. */
    private static final short ETHERTYPE = (short) 0xb588;
    private static final InetSocketAddress EVERYBODY = new InetSocketAddress("10.81.0.255", 9);

    /** Bytes of the Ethernet frame. */
    @Param({"64", "1514"})
    public int frameBytes;

    TapQueue queue;
    /** Header and frame in one piece. */
    long buffer;
    int length;
    IovecArray oneSegment;
    /** Header and frame apart. */
    IovecArray twoSegments;

    private Fd namespace;
    private TapDevice device;
    private StagingBuffers staging;
    private TapBurst burst;
    private DatagramChannel socket;
    private ByteBuffer datagram;

    /** Makes the namespace, the device and the frame. */
    @Setup
    public void open() {
        namespace = NetworkNamespace.create();
        String path = "/proc/self/fd/" + namespace.value();
        device = TapDevice.open(TapConfig.builder("bench0").networkNamespace(path).build());
        queue = device.queue(0);
        socket = NetworkNamespace.call(namespace, this::configure);
        datagram = ByteBuffer.allocateDirect(frameBytes - ETHERNET_IP_UDP);
        queue.useIoUring();
        burst = new TapBurst(queue);
        staging = new StagingBuffers(TapBurst.MAX_FRAMES);
        buffer = staging.address(0);
        length = HEADER + frameBytes;
        for (int i = 0; i < TapBurst.MAX_FRAMES; i++) {
            RawMemory.putShort(staging.address(i) + HEADER + 12, ETHERTYPE);
        }
        oneSegment = new IovecArray(1);
        oneSegment.set(0, buffer, length);
        twoSegments = new IovecArray(2);
        twoSegments.set(0, buffer, HEADER);
        twoSegments.set(1, buffer + HEADER, frameBytes);
    }

    /** In the namespace: the interface up and silent, and a socket that broadcasts into it. */
    private DatagramChannel configure() {
        try {
            Path noIpv6 = Path.of("/proc/sys/net/ipv6/conf/all/disable_ipv6");
            if (Files.exists(noIpv6)) {
                Files.writeString(noIpv6, "1");
            }
            device.up(true);
            NetDevice.ipv4Address(device.name(), "10.81.0.1", 24);
            return DatagramChannel.open().setOption(StandardSocketOptions.SO_BROADCAST, true);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Puts frames into the TAP's queue, which holds 1000. */
    void fill(int frames) throws IOException {
        for (int i = 0; i < frames; i++) {
            socket.send(datagram.clear(), EVERYBODY);
        }
    }

    /** Writes a frame out of each buffer; returns how many. */
    int writeBurst() {
        addBuffers(length);
        int frames = burst.write();
        moved(burst.result(TapBurst.MAX_FRAMES - 1));
        return frames;
    }

    /** Reads a frame into each buffer; returns how many. */
    int readBurst() {
        addBuffers(StagingBuffers.BUFFER_BYTES);
        int frames = burst.read();
        moved(burst.lengthBytes(TapBurst.MAX_FRAMES - 1));
        return frames;
    }

    private void addBuffers(int bytes) {
        burst.clear();
        for (int i = 0; i < TapBurst.MAX_FRAMES; i++) {
            burst.add(staging.address(i), bytes);
        }
    }

    /** The result of a call that has to have moved the whole frame. */
    long moved(long result) {
        if (result != length) {
            throw new IllegalStateException("a frame of " + length + " bytes, and the result is " + result);
        }
        return result;
    }

    /** Removes everything again. */
    @TearDown
    public void close() throws IOException {
        socket.close();
        device.close();
        namespace.close();
        oneSegment.close();
        twoSegments.close();
        staging.close();
    }
}
