package dev.baton.vhostuser;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

class RequestTest {
    @Test
    void codesAreTheSpecificationsWithoutGaps() {
        assertThat(Arrays.stream(Request.values()).map(Request::code))
            .containsExactlyElementsOf(java.util.stream.IntStream.rangeClosed(1, 43).boxed().toList());
        assertThat(Request.of(11)).isEqualTo(Request.GET_VRING_BASE);
        assertThat(Request.of(0)).isNull();
        assertThat(Request.of(44)).isNull();
        assertThat(Request.of(-1)).isNull();
    }

    @Test
    void unknownCodesHaveANameForMessages() {
        assertThat(Request.describe(21)).isEqualTo("SET_BACKEND_REQ_FD");
        assertThat(Request.describe(-1)).isEqualTo("request 4294967295");
    }

    @Test
    void protocolFeaturesAreDescribedByName() {
        assertThat(ProtocolFeatures.describe(ProtocolFeatures.IMPLEMENTED))
            .isEqualTo("MQ,LOG_SHMFD,RARP,REPLY_ACK,NET_MTU,INFLIGHT_SHMFD,RESET_DEVICE,CONFIGURE_MEM_SLOTS,"
                + "STATUS,DEVICE_STATE");
        assertThat(ProtocolFeatures.describe(1L << 40)).isEqualTo("bit-40");
        assertThat(ProtocolFeatures.describe(0)).isEqualTo("none");
    }
}
