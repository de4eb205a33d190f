package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** One process at a time may take the lanes of an owner. */
class SuccessionTest {
    private static final int ELSEWHERE = 4711;

    private final Mapping memory = Mapping.anonymous(4096);
    private final Succession standby = new Succession(memory.address());
    private final Succession incoming = new Succession(memory.address());

    @AfterEach
    void close() {
        memory.close();
    }

    @Test
    void theFirstToBeginIsTheOnlyOne() {
        assertThat(incoming.begin()).isTrue();
        assertThat(standby.begin()).isFalse();
        assertThat(standby.isOver()).isFalse();
        assertThat(standby.claimant()).isEqualTo((int) ProcessHandle.current().pid());
    }

    @Test
    void aClaimThatIsCancelledMakesRoom() {
        assertThat(incoming.begin()).isTrue();
        incoming.cancel();
        assertThat(standby.begin()).isTrue();
    }

    @Test
    void aTurnThatIsTakenIsOverForTheOthers() {
        assertThat(incoming.begin()).isTrue();
        incoming.complete();
        assertThat(standby.isOver()).isTrue();
        assertThat(standby.begin()).isFalse();
        assertThat(new Succession(memory.address()).begin()).isTrue();
    }

    /** What an owner has said of itself is heard when another one has the lanes already. */
    @Test
    void aDescriptionThatIsReadLateIsOfTheTurnOfTheFirst() {
        assertThat(incoming.begin()).isTrue();
        incoming.complete();
        Succession late = new Succession(memory.address()).inTurnOf(standby);
        assertThat(late.begin()).isFalse();
        assertThat(late.isOver()).isTrue();
    }

    @Test
    void theClaimOfAProcessThatHasEndedIsEvicted() {
        RawMemory.putLongRelease(memory.address(), ELSEWHERE);
        Succession later = new Succession(memory.address());
        assertThat(later.begin()).isFalse();
        later.evict(ELSEWHERE + 1);
        assertThat(later.begin()).isFalse();
        later.evict(ELSEWHERE);
        assertThat(later.begin()).isTrue();
    }

    @Test
    void whoCancelsLateTakesNothingFromAnother() {
        RawMemory.putLongRelease(memory.address(), ELSEWHERE);
        incoming.cancel();
        assertThat(incoming.claimant()).isEqualTo(ELSEWHERE);
    }
}
