package dev.baton.tap;

import static dev.baton.ffi.TunTap.TUN_F_CSUM;
import static dev.baton.ffi.TunTap.TUN_F_TSO4;
import static dev.baton.ffi.TunTap.TUN_F_TSO_ECN;
import static dev.baton.ffi.TunTap.TUN_F_USO4;
import static dev.baton.ffi.TunTap.TUN_F_USO6;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class TapOffloadsTest {
    @Test
    void everythingNeedsChecksums() {
        assertThat(TapOffloads.usable(TUN_F_TSO4 | TUN_F_USO4 | TUN_F_USO6)).isZero();
    }

    @Test
    void ecnNeedsTcpSegmentation() {
        assertThat(TapOffloads.usable(TUN_F_CSUM | TUN_F_TSO_ECN)).isEqualTo(TUN_F_CSUM);
        assertThat(TapOffloads.usable(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN))
            .isEqualTo(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN);
    }

    @Test
    void udpSegmentationComesAsAPair() {
        assertThat(TapOffloads.usable(TUN_F_CSUM | TUN_F_USO4)).isEqualTo(TUN_F_CSUM);
        assertThat(TapOffloads.usable(TUN_F_CSUM | TUN_F_USO6)).isEqualTo(TUN_F_CSUM);
        assertThat(TapOffloads.usable(TUN_F_CSUM | TapOffloads.USO)).isEqualTo(TUN_F_CSUM | TapOffloads.USO);
    }

    @Test
    void namesInReports() {
        assertThat(TapOffloads.describe(0)).isEqualTo("none");
        assertThat(TapOffloads.describe(TUN_F_CSUM | TUN_F_TSO4)).isEqualTo("CSUM|TSO4");
        assertThat(TapOffloads.describe(TUN_F_CSUM | 1 << 20)).isEqualTo("CSUM|0x100000");
    }
}
