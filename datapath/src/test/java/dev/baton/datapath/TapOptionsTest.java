package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class TapOptionsTest {
    @Test
    void theNextOwnerReadsWhatTheOldOneWrote() {
        TapOptions options = new TapOptions("t0", "/run/netns/blue", true, false, false);
        assertThat(TapOptions.parse(options.text())).isEqualTo(options);
        TapOptions defaults = new TapOptions("t0", null, false, true, true);
        assertThat(TapOptions.parse(defaults.text())).isEqualTo(defaults);
    }

    @Test
    void anOwnerThatKnewNoCoalescingHadNothingAgainstIt() {
        assertThat(TapOptions.parse("ifname=t0\npersistent=off").coalescing()).isTrue();
        assertThat(TapOptions.parse("ifname=t0\npersistent=off").ioUring()).isTrue();
    }
}
