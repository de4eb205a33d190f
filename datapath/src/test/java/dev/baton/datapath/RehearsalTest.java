package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.baton.ffi.Fd;
import dev.baton.tap.LoopbackDevice;
import dev.baton.tap.TapException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A rehearsal that cannot have what it needs is none, and leaves its process as it was. */
@Timeout(120)
class RehearsalTest {
    private static final String SURVIVED = "nothing left open";

    /** In a process of its own, which may open few descriptors (RLIMIT_NOFILE). */
    @Test
    void withoutDescriptorsNothingIsRehearsedAndNothingStaysOpen() throws Exception {
        assertThat(FewDescriptors.run(Few.class)).endsWith(SURVIVED + "\n");
    }

    /** What the child does. */
    static final class Few {
        /** Fewer than either rehearsal opens, and more. */
        private static final int SPARE = 64;

        private static final Logger LOG = Logger.getLogger(Rehearsal.class.getPackageName());
        private static final Missed MISSED = new Missed();

        private Few() {
        }

        /** Takes no argument. */
        public static void main(String[] arguments) throws ClassNotFoundException {
            LOG.setLevel(Level.FINE);
            LOG.setUseParentHandlers(false);
            LOG.addHandler(MISSED);
            // Once with descriptors, so that no class is left to be loaded without: jars stay open, folders do not.
            Class.forName("dev.baton.ffi.TruncatedControlException");
            assertThatThrownBy(() -> LoopbackDevice.adopt("none", List.of())).isInstanceOf(TapException.class)
                .satisfies(none -> Rehearsal.missed((Exception) none));
            assertThat(missed(FewDescriptors.LIMIT)).isZero();
            assertThat(missed(0)).isEqualTo(2);
            for (int spare = 1; spare < SPARE; spare++) {
                missed(spare);
            }
            assertThat(missed(SPARE)).isZero();
            System.out.println(SURVIVED);
        }

        /** Rehearses both while so many more descriptors can be had; returns what was missed. */
        private static int missed(int spare) {
            Map<String, Long> before = OpenDescriptors.byKind();
            List<Fd> all = new ArrayList<>();
            FewDescriptors.take(all);
            all.stream().limit(spare).forEach(Fd::close);
            MISSED.count = 0;
            Rehearsal.run(2, () -> false);
            DressRehearsal.run(1, HandoverOptions.defaults());
            all.forEach(Fd::close);
            assertThat(OpenDescriptors.byKind()).as("with %d to spare", spare).isEqualTo(before);
            return MISSED.count;
        }
    }

    /** Counts what was not rehearsed. */
    private static final class Missed extends Handler {
        private int count;

        @Override
        public void publish(LogRecord said) {
            if (said.getMessage().equals("rehearsal")) {
                count++;
            }
        }

        @Override
        public void flush() {
        }

        @Override
        public void close() {
        }
    }
}
