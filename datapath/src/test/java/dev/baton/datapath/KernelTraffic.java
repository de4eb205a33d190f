package dev.baton.datapath;

import dev.baton.ffi.NetDevice;
import dev.baton.ffi.RawMemory;
import dev.baton.virtqueue.VirtioNetHeader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;

/**
 * Numbered datagrams both ways between a guest and the kernel behind a TAP. The guest has acked checksum offload, so
 * each frame of the kernel shows whether the TAP's offloads are still on.
 */
final class KernelTraffic implements AutoCloseable {
    private static final int TO_KERNEL = 7777;
    private static final int TO_GUEST = 7778;
    private static final int UDP_PAYLOAD = 14 + 20 + 8;
    /** Below what the TAP's queue holds. */
    private static final int WINDOW = 100;

    private final TestGuest guest;
    private final byte[] mac;
    private final DatagramChannel channel;
    private final InetSocketAddress everyone = new InetSocketAddress("10.9.0.255", TO_GUEST);
    private final ByteBuffer datagram = ByteBuffer.allocate(Long.BYTES);
    private long sentToKernel;
    private long kernelReceived;
    private long sentToGuest;
    private long guestReceived;
    private long wrong;

    /** Gives the interface an address; the TAP's port is wired to the guest's. */
    KernelTraffic(TestNamespace namespace, String tap, TestGuest guest) {
        this.guest = guest;
        mac = namespace.call(() -> {
            NetDevice.ipv4Address(tap, "10.9.0.1", 24);
            return NetDevice.hardwareAddress(tap);
        });
        channel = namespace.call(() -> {
            DatagramChannel opened = DatagramChannel.open();
            opened.setOption(StandardSocketOptions.SO_BROADCAST, true);
            opened.setOption(StandardSocketOptions.SO_RCVBUF, 4 << 20);
            opened.bind(new InetSocketAddress(TO_KERNEL));
            opened.configureBlocking(false);
            return opened;
        });
    }

    /** Sends a few frames each way, as far as the windows allow. */
    void send() {
        if (sentToKernel - kernelReceived < WINDOW
            && guest.send(0, Packets.udp(mac, "10.9.0.2", "10.9.0.1", TO_KERNEL, sentToKernel))) {
            sentToKernel++;
        }
        if (sentToGuest - guestReceived < WINDOW) {
            sendToGuest();
        }
    }

    /** One numbered frame of the kernel. */
    void sendToGuest() {
        try {
            datagram.clear().putLong(Long.reverseBytes(sentToGuest)).flip();
            channel.send(datagram, everyone);
            sentToGuest++;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    void receive() {
        try {
            for (datagram.clear(); channel.receive(datagram) != null; datagram.clear()) {
                wrong += datagram.flip().getLong() == kernelReceived ? 0 : 1;
                kernelReceived++;
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        guest.receive(0, (address, length) -> {
            if (RawMemory.getShort(address + 12) != 0x0008 || RawMemory.getByte(address + 23) != 17) {
                return; // nobody's but the kernel's own
            }
            boolean offloaded = RawMemory.getByte(address - guest.headerBytes) == VirtioNetHeader.NEEDS_CSUM;
            wrong += offloaded && RawMemory.getLong(address + UDP_PAYLOAD) == guestReceived ? 0 : 1;
            guestReceived++;
        });
    }

    boolean complete() {
        return kernelReceived == sentToKernel && guestReceived == sentToGuest;
    }

    long received() {
        return kernelReceived + guestReceived;
    }

    /** Datagrams lost, repeated, out of order, or without the offload that was agreed upon. */
    long wrong() {
        return wrong;
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
