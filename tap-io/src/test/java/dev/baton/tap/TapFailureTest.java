package dev.baton.tap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.baton.ffi.Errno;
import dev.baton.ffi.Fd;
import dev.baton.ffi.TunTap;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Each way in which opening fails says why, and leaves no descriptor and no interface behind. */
class TapFailureTest {
    private TestNamespace namespace;
    private long descriptorsBefore;

    @BeforeEach
    void createNamespace() {
        namespace = TestNamespace.createOrSkip();
        descriptorsBefore = Descriptors.open();
    }

    @AfterEach
    void removeNamespace() {
        if (namespace != null) {
            assertThat(Descriptors.open()).as("open descriptors").isEqualTo(descriptorsBefore);
            namespace.close();
        }
    }

    @Test
    void aNamespaceThatIsNotThere() {
        assertRefused(TapConfig.builder("tap0").networkNamespace("bt-no-such").build(), Errno.ENOENT,
            "TAP tap0: there is no network namespace \"bt-no-such\"");
        assertRefused(TapConfig.builder("tap0").networkNamespace("/no/such/file").build(), Errno.ENOENT,
            "TAP tap0: there is no network namespace \"/no/such/file\"");
    }

    @Test
    void aFileThatIsNoNamespace() {
        assertRefused(TapConfig.builder("tap0").networkNamespace("/dev/null").build(), Errno.EINVAL,
            "TAP tap0: \"/dev/null\" is no network namespace");
    }

    @Test
    void aNameThatAnotherKindOfInterfaceHas() {
        assertRefused(namespace.config("lo").build(), Errno.EINVAL,
            "TAP lo: an interface of this name exists and is no TAP: ioctl(TUNSETIFF \"lo\")");
        assertRefused(namespace.config("lo").queues(2).build(), Errno.EINVAL,
            "TAP lo: an interface of this name exists and is no TAP");
        namespace.run(() -> {
            try (Fd tun = TunTap.openClone()) {
                TunTap.setIff(tun, "tun0", TunTap.IFF_TUN | TunTap.IFF_NO_PI);
                assertRefused(namespace.config("tun0").build(), Errno.EINVAL,
                    "TAP tun0: an interface of this name exists and is no TAP");
            }
        });
    }

    @Test
    void aSingleQueueInterfaceHasNoRoom() {
        try (TapDevice single = TapDevice.open(namespace.config("tap0").build())) {
            long open = Descriptors.open();
            assertThat(refusal(namespace.config("tap0").build(), Errno.EBUSY))
                .startsWith("TAP tap0: a single-queue interface of this name is open in another place");
            assertThat(refusal(namespace.config("tap0").queues(2).build(), Errno.EINVAL))
                .startsWith("TAP tap0: the interface exists as a single-queue TAP and 2 queues are wanted");
            assertThat(Descriptors.open()).isEqualTo(open);
            assertThat(TunTap.getIff(single.queue(0).fd()).flags() & TunTap.IFF_MULTI_QUEUE).isZero();
        }
    }

    @Test
    void moreQueuesThanTheKernelHas() {
        try (TapDevice most = TapDevice.open(namespace.config("tap0").queues(255).build())) {
            long open = Descriptors.open();
            assertThat(refusal(namespace.config("tap0").queues(2).build(), Errno.E2BIG))
                .startsWith("TAP tap0: the kernel's limit of 256 queues, those of other processes counted, is reached"
                    + " after 1");
            assertThat(Descriptors.open()).isEqualTo(open);
            assertThat(most.headerBytes()).isEqualTo(12);
        }
    }

    @Test
    void noPermission() {
        assertThat(inChild("setpriv --bounding-set=-net_admin --inh-caps=-net_admin", 1))
            .startsWith("TAP bt-child: making an interface, or opening that of another user, needs CAP_NET_ADMIN: "
                + "ioctl(TUNSETIFF \"bt-child\"): EPERM");
    }

    @Test
    void noPermissionIsNeededForAPersistentInterfaceOfTheUser() {
        namespace.ip("tuntap", "add", "bt-child", "mode", "tap", "user", "0", "multi_queue", "vnet_hdr");
        namespace.ip("link", "set", "bt-child", "up");
        assertThat(inChild("setpriv --bounding-set=-net_admin --inh-caps=-net_admin", 2))
            .startsWith("TAP bt-child, queues=2 opened");
    }

    @Test
    void noDriver() {
        assertThat(inChild("unshare --mount sh -c 'mount -t tmpfs none /dev/net && exec \"$@\"' sh", 1))
            .startsWith("TAP bt-child: the kernel has no TUN/TAP driver, or this container does not show its device: "
                + "open(\"/dev/net/tun\"): ENOENT");
    }

    @Test
    void noDescriptorLeft() {
        assertThat(inChild("sh -c 'ulimit -n 150 && exec \"$@\"' sh", 256))
            .startsWith("TAP bt-child: no descriptor left after ").contains("EMFILE");
        assertThat(namespace.has("bt-child")).isFalse();
    }

    /** What a JVM of its own says that is started by {@code wrapper} in the namespace and opens a device there. */
    private String inChild(String wrapper, int queues) {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        return namespace.call(() -> TestNamespace.run(List.of("sh", "-c", wrapper + " \"$@\"", "sh", java,
            "--enable-native-access=ALL-UNNAMED", "-cp", System.getProperty("java.class.path"), Child.class.getName(),
            String.valueOf(queues))));
    }

    /** Opens a device and says why not. */
    static final class Child {
        private Child() {
        }

        public static void main(String[] arguments) {
            TapConfig config = TapConfig.builder("bt-child").queues(Integer.parseInt(arguments[0])).up(true).build();
            refusalOf(TapConfig.builder("warm-up").networkNamespace("bt-no-such").build()); // loads classes
            String first = refusalOf(config);
            long before = Descriptors.open();
            boolean leaked = !refusalOf(config).equals(first) || Descriptors.open() != before;
            System.out.println(leaked ? "leaked: " + first : first);
        }

        private static String refusalOf(TapConfig config) {
            try (TapDevice device = TapDevice.open(config)) {
                return device + " opened";
            } catch (TapException e) {
                return String.valueOf(e.getMessage());
            }
        }
    }

    private void assertRefused(TapConfig config, int errno, String message) {
        long before = Descriptors.open();
        assertThat(refusal(config, errno)).startsWith(message);
        assertThat(Descriptors.open()).as("open descriptors").isEqualTo(before);
    }

    private static String refusal(TapConfig config, int errno) {
        String[] message = new String[1];
        assertThatExceptionOfType(TapException.class).isThrownBy(() -> TapDevice.open(config).close())
            .satisfies(e -> {
                assertThat(e.errno()).as(e.getMessage()).isEqualTo(errno);
                assertThat(e.device()).isEqualTo(config.name());
                message[0] = e.getMessage();
            });
        return message[0];
    }
}
