package dev.baton.tap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TapConfigTest {
    @Test
    void defaultsAskForNothingButOneQueue() {
        TapConfig config = TapConfig.builder("tap0").build();

        assertThat(config).isEqualTo(new TapConfig("tap0", 1, false, null, null, 0, false));
        assertThat(config.isPattern()).isFalse();
    }

    @ParameterizedTest
    @ValueSource(strings = {"t", "abcdefghijklmno", "tap%d", "%d", "a.b", "tap-1_x@y", "täp"})
    void namesThatTheKernelTakes(String name) {
        assertThat(TapConfig.builder(name).build().name()).isEqualTo(name);
    }

    @ParameterizedTest
    @CsvSource({
        "'', it is empty",
        "abcdefghijklmnop, it has 16 bytes and the kernel takes at most 15",
        "ääääääää, it has 16 bytes",
        "., it stands for a directory",
        ".., it stands for a directory",
        "a/b, 'it holds a slash, a colon, white space'",
        "a:b, 'it holds a slash, a colon, white space'",
        "'a b', 'it holds a slash, a colon, white space'",
        "tap%s, a pattern has one %d",
        "tap%, a pattern has one %d",
        "t%d%d, a pattern has one %d",
        "t%s%d, a pattern has one %d"
    })
    void namesThatAreRefused(String name, String reason) {
        assertThatIllegalArgumentException().isThrownBy(() -> TapConfig.builder(name).build())
            .withMessageStartingWith("TAP \"" + name + "\": no name for an interface: " + reason);
    }

    @ParameterizedTest
    @ValueSource(ints = {Integer.MIN_VALUE, -1, 0, 257})
    void queueCountsThatAreRefused(int queues) {
        assertThatIllegalArgumentException().isThrownBy(() -> TapConfig.builder("tap0").queues(queues).build())
            .withMessage("TAP tap0: " + queues + " queues: 1 to 256 are possible");
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, 1, 67, 65522})
    void mtuThatIsRefused(int mtu) {
        assertThatIllegalArgumentException().isThrownBy(() -> TapConfig.builder("tap0").mtu(mtu).build())
            .withMessage("TAP tap0: MTU " + mtu + ": 68 to 65521 bytes are possible");
    }

    @ParameterizedTest
    @ValueSource(strings = {"01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00"})
    void macThatIsRefused(String mac) {
        assertThatIllegalArgumentException()
            .isThrownBy(() -> TapConfig.builder("tap0").mac(MacAddress.parse(mac)).build())
            .withMessageStartingWith("TAP tap0: MAC address " + mac + " is a group address or zero");
    }

    @Test
    void emptyNamespaceIsRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> TapConfig.builder("tap0").networkNamespace(" ").build())
            .withMessage("TAP tap0: the name of the network namespace is empty");
    }
}
