package dev.baton.vhostuser;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.Fd;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class RestoreFuzzTest {
    private static final long SEED = 4711;
    private static final int ROUNDS = 500;
    private static final long[] NUMBERS = {0, 1, -1, 2, 64, 128, 4096, 65535, 65536, 1L << 30, 1L << 56,
        Integer.MAX_VALUE, Integer.MIN_VALUE, Long.MAX_VALUE, Long.MIN_VALUE};

    private final Random random = new Random(SEED);

    /** Whatever is forged: the state is taken, or refused as the protocol has it, and nothing is left open. */
    @Test
    void forgedStateIsTakenOrRefusedAndNothingIsLeft() throws ProtocolException {
        Resources before = Resources.now();
        int taken = 0;
        try (Link link = Link.running()) {
            link.channel.send(Arrays.copyOf(Body.u32(5, 1, 40), 11), link.memory.file());
            link.pump();
            Resources owned = Resources.now();
            for (int i = 0; i < ROUNDS; i++) {
                SessionState described = States.duplicate(link.backEnd.state());
                SessionState forged = forge(described);
                RecordingDevice device = new RecordingDevice();
                try (BackendConnection continued = BackendConnection.restore(link.backEnd.socket().duplicate(), device,
                    forged)) {
                    assertThat(continued.state().rings()).hasSize(4);
                    taken++;
                } catch (ProtocolException refused) {
                    assertThat(device.events).isEmpty();
                }
                described.descriptors().forEach(Fd::close);
                assertThat(Resources.now()).as("round %d: %s", i, forged).isEqualTo(owned);
            }
            link.backEnd.checkMemory();
        }
        assertThat(taken).isBetween(1, ROUNDS - 1);
        assertThat(Resources.now()).isEqualTo(before);
    }

    private SessionState forge(SessionState state) {
        return switch (random.nextInt(4)) {
            case 0 -> States.withNumbers(state, maybe(state.features()), maybe(state.protocolFeatures()),
                (int) maybe(state.status()));
            case 1 -> States.withRing(state, random.nextInt(4), this::forge);
            case 2 -> States.withRegions(state, state.regions().stream().map(this::forge).toList());
            default -> States.withPartial(state, bytes(state.partialMessage()), some(state.partialDescriptors()));
        };
    }

    private RingState forge(RingState ring) {
        RingAddresses at = ring.addresses();
        RingAddresses moved = at == null ? null
            : new RingAddresses(maybe(at.descriptorTable()), maybe(at.usedRing()), maybe(at.availableRing()));
        return new RingState((int) maybe(ring.size()), (int) maybe(ring.base()), moved, random.nextInt(4) != 0,
            random.nextInt(4) != 0, random.nextBoolean(), random.nextInt(4) == 0 ? null : ring.kick(),
            random.nextInt(4) == 0 ? null : ring.call(), ring.err());
    }

    private RegionState forge(RegionState region) {
        return new RegionState(maybe(region.guestAddress()), maybe(region.sizeBytes()), maybe(region.userAddress()),
            maybe(region.fileOffset()), region.file());
    }

    private long maybe(long value) {
        return switch (random.nextInt(8)) {
            case 0 -> NUMBERS[random.nextInt(NUMBERS.length)];
            case 1 -> value + random.nextInt(17) - 8;
            case 2 -> random.nextLong();
            default -> value;
        };
    }

    private byte[] bytes(byte[] honest) {
        byte[] forged = Arrays.copyOf(honest, random.nextInt(honest.length + 30));
        for (int i = 0; i < forged.length; i++) {
            forged[i] = random.nextInt(10) == 0 ? (byte) random.nextInt() : forged[i];
        }
        return forged;
    }

    private Fd[] some(List<Fd> descriptors) {
        return descriptors.subList(0, random.nextInt(descriptors.size() + 1)).toArray(Fd[]::new);
    }
}
