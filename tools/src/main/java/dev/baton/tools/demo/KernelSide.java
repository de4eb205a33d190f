package dev.baton.tools.demo;

import dev.baton.ffi.Fd;
import dev.baton.ffi.NetDevice;
import dev.baton.ffi.NetworkNamespace;
import dev.baton.tools.traffic.DatagramFlows;
import dev.baton.tools.traffic.Flow;
import java.io.IOException;
import java.net.InetAddress;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The kernel's own IP stack behind the TAP, in a private network namespace, reached by sockets. */
final class KernelSide extends FarSide {
    private static final int PING_TIMEOUT_MS = 3000;

    private final Fd namespace;
    private @Nullable DatagramFlows flows;

    KernelSide(Fd namespace) {
        super("demo-kernel");
        this.namespace = namespace;
    }

    @Override
    void open() throws IOException {
        NetworkNamespace.enter(namespace);
        NetDevice.up("lo", true);
        NetDevice.ipv4Address(Plan.TAP, Plan.FAR.address(), Plan.PREFIX);
        NetDevice.up(Plan.TAP, true);
        flows = DatagramFlows.open(Plan.FAR, Plan.GUEST, Plan.QUEUE_PAIRS, Plan.WINDOW);
    }

    /** The JDK's reachability test is an ICMP echo where the process may send one. */
    @Override
    int ping(int count) throws IOException {
        InetAddress guest = InetAddress.getByName(Plan.GUEST.address());
        int answered = 0;
        for (int i = 0; i < count; i++) {
            answered += guest.isReachable(PING_TIMEOUT_MS) ? 1 : 0;
        }
        return answered;
    }

    @Override
    int step() throws IOException {
        return opened(flows).step();
    }

    @Override
    void sleep() throws IOException {
        opened(flows).await(1);
    }

    @Override
    void sending(boolean on) {
        opened(flows).sending(on);
    }

    @Override
    List<Flow> flows() {
        return opened(flows).flows();
    }

    @Override
    void shut() {
        opened(flows).close();
    }
}
