package dev.baton.tap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.baton.ffi.Errno;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.TunTap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Opening a device by name and changing it, on this kernel. */
class TapDeviceTest {
    private TestNamespace namespace;

    @BeforeEach
    void createNamespace() {
        namespace = TestNamespace.createOrSkip();
    }

    @AfterEach
    void removeNamespace() {
        if (namespace != null) {
            namespace.close();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 16, 256})
    void opensQueuesOfTheWantedKind(int queues) {
        try (TapDevice tap = TapDevice.open(namespace.config("tap0").queues(queues).build())) {
            assertThat(tap.name()).isEqualTo("tap0");
            assertThat(tap.queueCount()).isEqualTo(queues);
            assertThat(tap.multiQueue()).isEqualTo(queues > 1);
            int expected = TunTap.IFF_TAP | TunTap.IFF_NO_PI | TunTap.IFF_VNET_HDR
                | (queues > 1 ? TunTap.IFF_MULTI_QUEUE : 0);
            for (int i = 0; i < queues; i++) {
                TapQueue queue = tap.queue(i);
                TunTap.Iff iff = TunTap.getIff(queue.fd());
                assertThat(iff.name()).isEqualTo("tap0");
                assertThat(iff.flags()).isEqualTo(expected);
                assertThat(TunTap.vnetHdrSize(queue.fd())).isEqualTo(12);
                assertThat(TunTap.isVnetLittleEndian(queue.fd())).isTrue();
                assertThat(FileIo.isNonBlocking(queue.fd())).isTrue();
                assertThat(queue.attached()).isTrue();
                assertThat(queue.index()).isEqualTo(i);
            }
            assertThat(namespace.has("tap0")).isTrue();
        }
        assertThat(namespace.has("tap0")).isFalse();
    }

    @Test
    void theKernelMakesTheNameFromAPattern() {
        try (TapDevice first = TapDevice.open(namespace.config("bt%d").queues(2).build());
            TapDevice second = TapDevice.open(namespace.config("bt%d").build())) {
            assertThat(first.name()).isEqualTo("bt0");
            assertThat(second.name()).isEqualTo("bt1");
            assertThat(TunTap.getIff(first.queue(1).fd()).name()).isEqualTo("bt0");
        }
    }

    @Test
    void theInterfaceIsMadeInItsNamespaceOnly() {
        try (TapDevice tap = TapDevice.open(namespace.config("bt-only-there").build());
            TestNamespace other = TestNamespace.createOrSkip()) {
            assertThat(tap.interfaceIndex()).isPositive();
            assertThat(namespace.has("bt-only-there")).isTrue();
            assertThat(other.has("bt-only-there")).isFalse();
        }
    }

    @Test
    void withoutANamespaceTheThreadsOwnIsTaken() {
        namespace.run(() -> {
            try (TapDevice tap = TapDevice.open(TapConfig.builder("tap0").up(true).build())) {
                assertThat(tap.isUp()).isTrue();
            }
        });
    }

    @Test
    void wishesAreFulfilledAndReadBack() {
        MacAddress mac = MacAddress.parse("02:00:00:00:00:05");
        try (TapDevice tap = TapDevice.open(namespace.config("tap0").mac(mac).mtu(9000).up(true).build())) {
            assertThat(tap.mac()).isEqualTo(mac);
            assertThat(tap.mtu()).isEqualTo(9000);
            assertThat(tap.isUp()).isTrue();

            MacAddress another = MacAddress.parse("02:00:00:00:00:06");
            tap.mac(another);
            tap.mtu(TapConfig.MAX_MTU);
            tap.up(false);

            assertThat(tap.mac()).isEqualTo(another);
            assertThat(tap.mtu()).isEqualTo(TapConfig.MAX_MTU);
            assertThat(tap.isUp()).isFalse();
        }
    }

    @Test
    void offloadsAreTriedAndLeftOffUntilSet() {
        try (TapDevice tap = TapDevice.open(namespace.config("tap0").queues(2).build())) {
            int always = TunTap.TUN_F_CSUM | TunTap.TUN_F_TSO4 | TunTap.TUN_F_TSO6 | TunTap.TUN_F_TSO_ECN;
            assertThat(tap.probedOffloads() & always).isEqualTo(always);
            assertThat(tap.offloads()).isZero();

            tap.setOffloads(always);

            assertThat(tap.offloads()).isEqualTo(always);
            assertThat(tap.probeOffloads()).isEqualTo(tap.probedOffloads());
            tap.setOffloads(tap.probedOffloads());
        }
    }

    @Test
    void aSetThatTheKernelRefusesIsNamedAndChangesNothing() {
        try (TapDevice tap = TapDevice.open(namespace.config("tap0").build())) {
            assertThatExceptionOfType(TapException.class).isThrownBy(() -> tap.setOffloads(TunTap.TUN_F_TSO4))
                .withMessageStartingWith("TAP tap0: the kernel does not take the offloads TSO4: ioctl(TUNSETOFFLOAD")
                .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL));
            assertThat(tap.offloads()).isZero();
        }
    }

    @Test
    void aPersistentInterfaceStaysUntilItIsRemoved() {
        TapConfig config = namespace.config("tap0").queues(2).persistent(true).build();
        TapDevice.open(config).close();
        assertThat(namespace.has("tap0")).isTrue();

        try (TapDevice again = TapDevice.open(namespace.config("tap0").queues(2).build())) {
            assertThat(again.persistent()).isTrue();
        }
        assertThat(namespace.has("tap0")).isTrue();

        try (TapDevice last = TapDevice.open(config)) {
            last.remove();
        }
        assertThat(namespace.has("tap0")).isFalse();
    }

    @Test
    void oneQueueOfAnInterfaceMadeMultiqueue() {
        TapConfig two = namespace.config("tap0").queues(2).persistent(true).build();
        TapDevice.open(two).close();

        try (TapDevice one = TapDevice.open(namespace.config("tap0").queues(1).build())) {
            assertThat(one.multiQueue()).isTrue();
            assertThat(one.queueCount()).isEqualTo(1);
        }
    }

    @Test
    void attachAndDetachAreIdempotent() {
        try (TapDevice tap = TapDevice.open(namespace.config("tap0").queues(2).build())) {
            TapQueue queue = tap.queue(1);
            queue.attach(true);
            queue.attach(false);
            queue.attach(false);
            assertThat(queue.attached()).isFalse();
            assertThat(TunTap.getIff(queue.fd()).flags() & TunTap.IFF_DETACH_QUEUE).isNotZero();

            queue.attach(true);
            queue.attach(true);
            assertThat(queue.attached()).isTrue();
            assertThat(TunTap.getIff(queue.fd()).flags() & TunTap.IFF_DETACH_QUEUE).isZero();

            TunTap.setQueueAttached(queue.fd(), false); // behind its back, as another process could
            queue.attach(false);
            assertThat(queue.attached()).isFalse();
        }
    }

    @Test
    void deviceCallsWorkThroughADetachedQueue() {
        try (TapDevice tap = TapDevice.open(namespace.config("tap0").queues(2).build())) {
            tap.queue(0).attach(false);

            tap.setOffloads(TunTap.TUN_F_CSUM);
            tap.mtu(1400);
            assertThat(tap.headerBytes()).isEqualTo(12);
            assertThat(tap.mtu()).isEqualTo(1400);
        }
    }

    @Test
    void aSingleQueueCannotBeDetached() {
        try (TapDevice tap = TapDevice.open(namespace.config("tap0").build())) {
            assertThatExceptionOfType(TapException.class).isThrownBy(() -> tap.queue(0).attach(false))
                .withMessageStartingWith("TAP tap0: queue 0 cannot be detached, the interface is not a multiqueue one");
            assertThat(tap.queue(0).attached()).isTrue();
        }
    }

    @Test
    void controlFollowsARenamedInterface() {
        try (TapDevice tap = TapDevice.open(namespace.config("tap0").build())) {
            namespace.ip("link", "set", "tap0", "name", "renamed");
            tap.mtu(1300);

            assertThat(tap.mtu()).isEqualTo(1300);
            assertThat(namespace.has("renamed")).isTrue();
        }
    }

    @Test
    void aDeletedInterfaceIsReported() {
        try (TapDevice tap = TapDevice.open(namespace.config("tap0").build())) {
            assertThat(tap.exists()).isTrue();
            namespace.ip("link", "del", "tap0");

            assertThat(tap.exists()).isFalse();
            assertThatExceptionOfType(TapException.class).isThrownBy(tap::mtu)
                .withMessageContaining("TAP tap0: ").withMessageContaining("EBADFD");
            assertThat(IoOutcome.of(tap.queue(0).read(0, 0))).isEqualTo(IoOutcome.QUEUE_GONE);
        }
    }

    @Test
    void closingTwiceIsNoErrorAndIoAfterItTouchesNoDescriptor() {
        TapDevice tap = TapDevice.open(namespace.config("tap0").build());
        tap.close();
        tap.close();

        assertThat(tap.queue(0).fdValue()).isEqualTo(-1);
        assertThat(tap.queue(0).read(0, 0)).isEqualTo(-Errno.EBADF);
    }
}
