package dev.baton.tools.traffic;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class SequenceCheckerTest {
    @Test
    void anOrderlySequenceIsCounted() {
        SequenceChecker checker = run(0, 1, 2, 3);
        assertCounts(checker, 4, 0, 0);
    }

    @Test
    void aGapIsNoFrame() {
        assertCounts(run(0, 3, 4), 3, 0, 0);
        assertCounts(run(5), 1, 0, 0);
    }

    @Test
    void aLateFrameIsReorderedOnceAndThenADuplicate() {
        assertCounts(run(0, 2, 1, 1, 2, 0), 3, 3, 1);
    }

    @Test
    void everyOrderOfFewFramesIsCountedAsTheModelDoes() {
        int[] numbers = new int[5];
        for (int code = 0; code < 4 * 4 * 4 * 4 * 4; code++) {
            for (int i = 0, rest = code; i < numbers.length; i++, rest /= 4) {
                numbers[i] = rest % 4;
            }
            assertLikeModel(numbers);
        }
    }

    @Test
    void longSequencesAcrossTheMemoryAreCountedAsTheModelDoes() {
        Random random = new Random(42);
        List<Integer> numbers = new ArrayList<>();
        for (int i = 0; i < 4 * SequenceChecker.MEMORY; i++) {
            if (random.nextInt(50) != 0) {
                numbers.add(i);
            }
            if (random.nextInt(50) == 0) {
                numbers.add(Math.max(0, i - random.nextInt(SequenceChecker.MEMORY / 2)));
            }
        }
        assertLikeModel(numbers.stream().mapToInt(Integer::intValue).toArray());
    }

    @Test
    void aLeapBeyondTheMemoryForgetsAll() {
        SequenceChecker checker = run(0, 1);
        checker.accept(10L * SequenceChecker.MEMORY + 5);
        checker.accept(10L * SequenceChecker.MEMORY + 3);
        checker.accept(1);
        assertCounts(checker, 4, 1, 1);
    }

    private static void assertLikeModel(int... numbers) {
        Set<Integer> seen = new HashSet<>();
        int highest = -1;
        long duplicated = 0;
        long reordered = 0;
        for (int number : numbers) {
            if (!seen.add(number)) {
                duplicated++;
            } else if (number < highest) {
                reordered++;
            }
            highest = Math.max(highest, number);
        }
        assertCounts(run(numbers), seen.size(), duplicated, reordered);
    }

    private static SequenceChecker run(int... numbers) {
        SequenceChecker checker = new SequenceChecker();
        for (int number : numbers) {
            checker.accept(number);
        }
        return checker;
    }

    private static void assertCounts(SequenceChecker checker, long unique, long duplicated, long reordered) {
        assertThat(List.of(checker.unique(), checker.duplicated(), checker.reordered()))
                .containsExactly(unique, duplicated, reordered);
    }
}
