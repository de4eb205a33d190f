package dev.baton.vhostuser;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** A front end's turn, and how many messages it may send; time is what the test says. */
class MessageBudgetTest {
    private static final long SECOND = 1_000_000_000L;

    private final MessageBudget budget = new MessageBudget(0);

    private int turn(long startNs, long nsEach) {
        budget.begin(startNs);
        int messages = 1;
        while (budget.spend(startNs + messages * nsEach)) {
            messages++;
        }
        return messages;
    }

    @Test
    void aTurnIsSoManyMessages() {
        assertThat(turn(0, 1)).isEqualTo(MessageBudget.MESSAGES_PER_TURN);
    }

    @Test
    void orSoMuchTime() {
        assertThat(turn(0, MessageBudget.TURN_NS / 4)).isEqualTo(4);
        assertThat(turn(SECOND, MessageBudget.TURN_NS + 1)).as("a message that takes long is done").isEqualTo(1);
    }

    @Test
    void aBurstIsLimited() {
        for (int sent = 0; sent < MessageBudget.BURST; sent += MessageBudget.MESSAGES_PER_TURN) {
            assertThat(budget.overspent()).isFalse();
            turn(0, 0);
        }
        assertThat(budget.overspent()).isFalse();
        turn(0, 0);
        assertThat(budget.overspent()).isTrue();
    }

    @Test
    void nobodyIsCutOffWhoKeepsToTheRate() {
        long turns = 4L * MessageBudget.BURST / MessageBudget.MESSAGES_PER_TURN;
        for (long i = 0; i < turns; i++) {
            turn(i * MessageBudget.MESSAGES_PER_TURN * SECOND / MessageBudget.PER_SECOND, 0);
            assertThat(budget.overspent()).isFalse();
        }
    }
}
