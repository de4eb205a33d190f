package dev.baton.tap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MacAddressTest {
    @Test
    void textOctetsAndValueAgree() {
        MacAddress mac = MacAddress.parse("02:ab:CD:00:00:ff");

        assertThat(mac.toString()).isEqualTo("02:ab:cd:00:00:ff");
        assertThat(mac.value()).isEqualTo(0x02ab_cd00_00ffL);
        assertThat(mac.octets()).containsExactly(0x02, 0xab, 0xcd, 0, 0, 0xff);
        assertThat(MacAddress.of(mac.octets())).isEqualTo(mac);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "02", "02:00:00:00:00", "02:00:00:00:00:01:02", "020000000001", "02-00-00-00-00-01",
        "0g:00:00:00:00:01", "02:00:00:00:00:1"})
    void otherTextIsRefused(String text) {
        assertThatIllegalArgumentException().isThrownBy(() -> MacAddress.parse(text))
            .withMessage("MAC address \"" + text + "\" is not of the form 02:00:00:00:00:01");
    }

    @Test
    void moreThan48BitsAreRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> new MacAddress(1L << 48));
    }

    @Test
    void unicastHasNoGroupBitAndIsNotZero() {
        assertThat(MacAddress.parse("02:00:00:00:00:01").isUnicast()).isTrue();
        assertThat(MacAddress.parse("03:00:00:00:00:01").isUnicast()).isFalse();
        assertThat(new MacAddress(0).isUnicast()).isFalse();
    }
}
