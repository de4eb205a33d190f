package dev.baton.tap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.SyscallException;
import dev.baton.ffi.TunTap;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A state that is not what the kernel says is refused by queue and field; its owner keeps the queues as they were. */
class TapRestoreFailureTest {
    private TestNamespace namespace;
    private TapDevice tap;
    private TapState state;
    private long descriptorsBefore;

    @BeforeEach
    void createDevice() {
        namespace = TestNamespace.createOrSkip();
        descriptorsBefore = Descriptors.open();
        tap = TapDevice.open(namespace.config("tap0").queues(3).mtu(4000).up(true).build());
        tap.setOffloads(TunTap.TUN_F_CSUM);
        tap.queue(1).attach(false);
        state = TapRestoreTest.passed(tap.state());
    }

    @AfterEach
    void removeDevice() {
        if (namespace != null) {
            state.queues().forEach(queue -> queue.fd().close());
            tap.close();
            assertThat(Descriptors.open()).as("open descriptors").isEqualTo(descriptorsBefore);
            namespace.close();
        }
    }

    @Test
    void attachment() {
        assertRefused(with(2, queue -> enabled(queue, false)),
            "TAP tap0: queue 2, enabled: the state says false, the kernel has it attached");
        assertRefused(with(1, queue -> enabled(queue, true)),
            "TAP tap0: queue 1, enabled: the state says true, the kernel has it detached");
        tap.queue(1).attach(true);
        assertRefused(state, "TAP tap0: queue 1, enabled: the state says false, the kernel has it attached");
    }

    @Test
    void header() {
        assertRefused(with(1, queue -> header(queue, true, 10)),
            "TAP restored: queue 1, hostVnetHdrLen: the state says 10, headers here have 12 bytes");
        assertRefused(with(2, queue -> header(queue, false, 12)),
            "TAP restored: queue 2, usingVnetHdr: the state says false, frames here have the header");
        TunTap.setVnetHdrSize(tap.queue(0).fd(), 10);
        assertRefused(state, "for queue 0 has virtio-net headers of 10 bytes, 12 are needed (TUNSETVNETHDRSZ)");
    }

    @Test
    void probedCapabilities() {
        String probed = ", its probedOffloads are " + TapOffloads.describe(state.probedOffloads());
        TapQueueState first = state.queues().getFirst();
        assertRefused(with(0, queue -> has(queue, !queue.hasUfo(), queue.hasUso(), queue.hasTunnel())),
            "TAP restored: queue 0, hasUfo: the state says " + !first.hasUfo() + probed);
        assertRefused(with(1, queue -> has(queue, queue.hasUfo(), !queue.hasUso(), queue.hasTunnel())),
            "TAP restored: queue 1, hasUso: the state says " + !first.hasUso() + probed);
        assertRefused(with(2, queue -> has(queue, queue.hasUfo(), queue.hasUso(), !queue.hasTunnel())),
            "TAP restored: queue 2, hasTunnel: the state says " + !first.hasTunnel() + probed);
    }

    @Test
    void offloads() {
        int probed = TunTap.TUN_F_CSUM | TunTap.TUN_F_TSO4;
        List<TapQueueState> queues = state.queues().stream().map(queue -> has(queue, false, false, false)).toList();
        assertRefused(new TapState(queues, probed, TunTap.TUN_F_TSO4),
            "TAP restored: offloads: the state says TSO4, which the kernel does not take together");
        assertRefused(new TapState(queues, probed, probed | TunTap.TUN_F_TSO6),
            "TAP restored: offloads: the state says CSUM|TSO4|TSO6, its probedOffloads lack TSO6");
    }

    @Test
    void aQueueThatWouldBlock() {
        FileIo.setNonBlocking(tap.queue(1).fd(), false);
        assertRefused(state, "for queue 1 is blocking and would stop the agent: set O_NONBLOCK on it first");
        assertThat(FileIo.isNonBlocking(tap.queue(1).fd())).isFalse();
    }

    @Test
    void aQueueOfAnotherDevice() {
        try (TapDevice other = TapDevice.open(namespace.config("tap1").queues(3).build())) {
            assertRefused(with(2, queue -> fd(queue, other.queue(2).fd())),
                "for queue 2 is a queue of tap1, not of the same interface");
        }
        try (TestNamespace elsewhere = TestNamespace.createOrSkip();
            TapDevice other = TapDevice.open(elsewhere.config("tap0").queues(3).build())) {
            assertRefused(with(2, queue -> fd(queue, other.queue(2).fd())),
                "for queue 2 is a queue of another interface of this name, in another network namespace");
        }
    }

    @Test
    void aQueueThatComesTwice() {
        try (Fd again = state.queues().getFirst().fd().duplicate()) {
            Assumptions.assumeTrue(canTellDuplicates(again), "a kernel that can compare descriptors");
            assertRefused(with(2, queue -> fd(queue, again)), "TAP tap0: queue 2, fd: it is queue 0 once more");
        }
    }

    @Test
    void aDescriptorThatIsNoQueue() {
        try (Fd file = FileIo.open("/dev/null", FileIo.O_RDWR, 0); Fd clone = TunTap.openClone()) {
            assertRefused(with(0, queue -> fd(queue, file)), "for queue 0 is no queue of a TAP");
            assertRefused(with(1, queue -> fd(queue, clone)), "for queue 1 belongs to no interface (any more)");
        }
        Fd closed = tap.queue(2).fd().duplicate();
        closed.close();
        assertThatExceptionOfType(TapException.class)
            .isThrownBy(() -> TapDevice.restore(with(2, queue -> fd(queue, closed))))
            .withMessage("TAP restored: queue 2, fd: the descriptor was closed");
        assertRefused(new TapState(List.of(), 0, 0), "TAP restored: queues: the state has none");
    }

    @Test
    void anInterfaceThatIsGone() {
        namespace.ip("link", "del", "tap0");
        assertThatExceptionOfType(TapException.class).isThrownBy(() -> TapDevice.restore(state))
            .withMessageContaining("for queue 0 belongs to no interface (any more)");
    }

    private void assertRefused(TapState wrong, String reason) {
        TapRestoreTest.Kernel before = TapRestoreTest.Kernel.of(tap);
        long open = Descriptors.open();
        assertThatExceptionOfType(TapException.class).isThrownBy(() -> TapDevice.restore(wrong).close())
            .withMessageContaining(reason);
        assertThat(wrong.queues()).as("still the caller's").allMatch(queue -> queue.fd().isOpen());
        assertThat(Descriptors.open()).isEqualTo(open);
        assertThat(TapRestoreTest.Kernel.of(tap)).isEqualTo(before);
    }

    private TapState with(int index, UnaryOperator<TapQueueState> change) {
        List<TapQueueState> queues = new ArrayList<>(state.queues());
        queues.set(index, change.apply(queues.get(index)));
        return new TapState(queues, state.probedOffloads(), state.offloads());
    }

    private static TapQueueState fd(TapQueueState of, Fd fd) {
        // Attached as the stranger is, so that nothing else is wrong with it.
        return new TapQueueState(fd, of.usingVnetHdr(), of.hasUfo(), of.hasUso(), of.hasTunnel(), true,
            of.hostVnetHdrLen());
    }

    private static TapQueueState enabled(TapQueueState of, boolean enabled) {
        return new TapQueueState(of.fd(), of.usingVnetHdr(), of.hasUfo(), of.hasUso(), of.hasTunnel(), enabled,
            of.hostVnetHdrLen());
    }

    private static TapQueueState header(TapQueueState of, boolean using, int bytes) {
        return new TapQueueState(of.fd(), using, of.hasUfo(), of.hasUso(), of.hasTunnel(), of.enabled(), bytes);
    }

    private static TapQueueState has(TapQueueState of, boolean ufo, boolean uso, boolean tunnel) {
        return new TapQueueState(of.fd(), of.usingVnetHdr(), ufo, uso, tunnel, of.enabled(), of.hostVnetHdrLen());
    }

    private static boolean canTellDuplicates(Fd fd) {
        try {
            return FileIo.isDuplicate(fd, fd);
        } catch (SyscallException e) {
            return false;
        }
    }
}
