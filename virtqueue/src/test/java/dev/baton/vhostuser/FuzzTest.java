package dev.baton.vhostuser;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.Fd;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever comes, it ends in a named error or in nothing, and leaves nothing behind. */
@Timeout(120)
class FuzzTest {
    private static final int SESSIONS = 150;
    private static final int MESSAGES = 40;

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4})
    void noMessageHurtsMoreThanItsOwnConnection(long seed) throws ProtocolException {
        Random random = new Random(seed);
        Resources before = Resources.now();
        int ended = 0;
        int handled = 0;
        for (int session = 0; session < SESSIONS; session++) {
            Link link = random.nextBoolean() ? Link.running() : new Link();
            SharedMemory spare = SharedMemory.create(0x1000_0000, 8192, 4096, 0);
            try {
                for (int i = 0; i < MESSAGES; i++) {
                    send(random, link, spare);
                    link.pump();
                    handled++;
                }
            } catch (ProtocolException expected) {
                ended++;
            }
            spare.close();
            link.close();
            assertThat(link.device.running).isEmpty();
            assertThat(link.device.stops).isEqualTo(link.device.starts);
            assertThat(link.device.disconnected).isTrue();
        }
        assertThat(Resources.now()).isEqualTo(before);
        assertThat(ended).isPositive();
        assertThat(handled).isGreaterThan(SESSIONS);
    }

    /** Mostly a good message with a few things wrong; sometimes noise. */
    private static void send(Random random, Link link, SharedMemory spare) throws ProtocolException {
        List<Sample> samples = Sample.all(link, spare);
        Sample sample = samples.get(random.nextInt(samples.size()));
        byte[] message = FrontEndChannel.encode(sample.request().code(), random.nextBoolean(), sample.body());
        Fd[] descriptors = sample.descriptors();
        switch (random.nextInt(8)) {
            case 0 -> message[Math.min(message.length - 1, 12 + random.nextInt(28))] ^= (byte) (1 << random.nextInt(8));
            case 1 -> flipBodyWord(random, message);
            case 2 -> {
                if (random.nextInt(4) == 0) {
                    message[random.nextInt(12)] ^= (byte) (1 << random.nextInt(8));
                }
            }
            case 3 -> {
                if (random.nextInt(4) == 0) {
                    descriptors = new Fd[random.nextInt(10)];
                    Arrays.fill(descriptors, spare.file());
                }
            }
            case 4 -> {
                if (random.nextInt(8) == 0) {
                    random.nextBytes(message);
                }
            }
            default -> {
                // As it is.
            }
        }
        int cut = random.nextInt(message.length);
        if (cut > 0 && random.nextInt(4) == 0) {
            link.channel.send(Arrays.copyOf(message, cut), descriptors);
            link.pump();
            link.channel.send(Arrays.copyOfRange(message, cut, message.length));
        } else {
            link.channel.send(message, descriptors);
        }
    }

    private static void flipBodyWord(Random random, byte[] message) {
        if (message.length >= 20) {
            int at = 12 + 4 * random.nextInt((message.length - 12) / 4);
            int[] values = {0, 1, -1, 2, 3, 255, 256, 4096, Integer.MAX_VALUE, Integer.MIN_VALUE, random.nextInt()};
            byte[] word = Body.u32(values[random.nextInt(values.length)]);
            System.arraycopy(word, 0, message, at, 4);
        }
    }
}
