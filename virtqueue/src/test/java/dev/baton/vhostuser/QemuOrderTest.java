package dev.baton.vhostuser;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.Fd;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What QEMU 7.2 and 10.0 send to a vhost-user network back end, message by message, as their own trace shows it: a
 * Linux guest boots, changes its number of channels, loads its driver again, is rebooted and powered off.
 */
class QemuOrderTest {
    private static final int DRIVER_OK = 0xf;

    private Link link = new Link();
    private boolean ten;
    private int pairs;
    private boolean slots;
    private boolean slotsKnown;

    @ParameterizedTest
    @CsvSource({"7,1,true", "7,1,false", "7,2,true", "7,2,false", "10,1,true", "10,1,false", "10,2,true", "10,2,false"})
    void guestBootsReloadsRebootsAndPowersOff(int version, int queuePairs, boolean memorySlots)
        throws ProtocolException {
        link.close();
        Resources before = Resources.now();
        RecordingDevice device = new RecordingDevice();
        ten = version == 10;
        pairs = queuePairs;
        slots = memorySlots;
        device.protocolFeatures &= slots ? -1 : ~ProtocolFeatures.CONFIGURE_MEM_SLOTS;
        link = new Link(device);

        connect();
        reset(2);
        driverOk(1);
        assertRunning("start");
        setChannels();
        stop();
        assertThat(device.running).isEmpty();

        reset(1);
        driverOk(2);
        assertRunning("driver reload");
        stop();

        reset(ten ? 4 : 2);
        driverOk(3);
        assertRunning("reboot");
        stop();
        assertThat(device.running).isEmpty();

        assertThat(device.refusals).isEmpty();
        assertThat(device.starts).isEqualTo(3 * 2 * pairs).isEqualTo(device.stops);
        link.close();
        assertThat(device.stops).as("none is stopped again").isEqualTo(3 * 2 * pairs);
        assertThat(Resources.now()).isEqualTo(before);
    }

    /** Each pair has a vhost device of its own in QEMU, and each asks for itself. */
    private void connect() throws ProtocolException {
        for (int pair = 0; pair < pairs; pair++) {
            ask(Request.GET_FEATURES, Body.EMPTY);
            long offered = ask(Request.GET_PROTOCOL_FEATURES, Body.EMPTY);
            tell(Request.SET_PROTOCOL_FEATURES, false, Body.u64(offered));
            if (pair == 0) {
                assertThat(ask(Request.GET_QUEUE_NUM, Body.EMPTY)).isGreaterThanOrEqualTo(pairs);
            }
            if (slots) {
                ask(Request.GET_MAX_MEM_SLOTS, Body.EMPTY);
            }
            if (pair == 0) {
                tell(Request.SET_OWNER, false, Body.EMPTY);
            }
            ask(Request.GET_FEATURES, Body.EMPTY);
            for (int ring = 2 * pair; ring < 2 * pair + 2; ring++) {
                tell(Request.SET_VRING_CALL, false, Body.u64(ring), link.rings.get(ring).call().fd());
                tell(Request.SET_VRING_ERR, false, Body.u64(ring), link.rings.get(ring).call().fd());
            }
        }
    }

    private void reset(int times) throws ProtocolException {
        for (int i = 0; i < times; i++) {
            if (ten) {
                tell(Request.RESET_DEVICE, false, Body.EMPTY);
            }
            enable(1);
            enable(1);
        }
    }

    /** 10.0 waits for the answer to each of them. */
    private void enable(int enabledPairs) throws ProtocolException {
        for (int ring = 0; ring < 2 * pairs; ring++) {
            tell(Request.SET_VRING_ENABLE, ten, Body.u32(ring, ring < 2 * enabledPairs ? 1 : 0));
        }
    }

    private void driverOk(int time) throws ProtocolException {
        List<String> expected = new ArrayList<>();
        link.device.events.clear();
        for (int pair = 0; pair < pairs; pair++) {
            tell(Request.SET_FEATURES, false,
                Body.u64(RecordingDevice.FEATURES | ProtocolFeatures.F_PROTOCOL_FEATURES));
            ask(Request.GET_STATUS, Body.EMPTY);
            if (pair == 0) {
                tell(Request.SET_STATUS, false, Body.u64(8));
                if (time == 1 || ten) {
                    expected.add("features");
                }
            }
            shareMemory(pair);
            for (int ring = 2 * pair; ring < 2 * pair + 2; ring++) {
                link.startRing(ring);
                expected.add("start " + ring + (pair == 0 ? " enabled" : " disabled"));
                expected.add("call " + ring);
            }
        }
        assertThat(ask(Request.GET_STATUS, Body.EMPTY)).isEqualTo(8);
        tell(Request.SET_STATUS, false, Body.u64(DRIVER_OK));
        assertThat(link.device.events).isEqualTo(expected);
        enable(pairs);
    }

    /** Slots are said once: not again after a reset. But 7.2 says them once for each pair. */
    private void shareMemory(int pair) throws ProtocolException {
        if (!slots && pair == 0) {
            tell(Request.SET_MEM_TABLE, true, Body.table(link.memory), link.memory.file());
        } else if (slots && !slotsKnown && (pair == 0 || !ten)) {
            tell(Request.ADD_MEM_REG, true, Body.slot(link.memory), link.memory.file());
            slotsKnown = pair == pairs - 1 || ten;
        }
    }

    private void setChannels() throws ProtocolException {
        link.device.events.clear();
        enable(1);
        enable(pairs);
        assertThat(link.device.events).isEqualTo(pairs == 1 ? List.of()
            : List.of("disable 2", "disable 3", "enable 2", "enable 3"));
    }

    private void stop() throws ProtocolException {
        for (int ring = 0; ring < 2 * pairs; ring++) {
            ask(Request.GET_VRING_BASE, Body.u32(ring, 0));
            if (ring == 1 && !ten) {
                tell(Request.SET_STATUS, false, Body.u64(0));
            }
        }
        if (ten) {
            tell(Request.SET_STATUS, false, Body.u64(0));
        }
    }

    private void assertRunning(String when) {
        assertThat(link.device.running).as(when).hasSize(2 * pairs);
        assertThat(link.device.ring(0).err()).as("said once, at the beginning").isNotNull();
    }

    private void tell(Request request, boolean needReply, byte[] body, Fd... descriptors) throws ProtocolException {
        link.channel.send(request, needReply, body, descriptors);
        link.pump();
        if (needReply) {
            assertThat(link.channel.receive(request)).as("%s", request).isZero();
        }
    }

    private long ask(Request request, byte[] body) throws ProtocolException {
        return link.ask(request, body);
    }
}
