package dev.baton.bench.soak;

import java.util.ArrayList;
import java.util.List;

/** Collects what does not balance. */
final class Balance {
    private final String subject;
    private final List<String> problems = new ArrayList<>();

    Balance(String subject) {
        this.subject = subject;
    }

    void exact(String what, long value) {
        within(what, value, 0, 0);
    }

    void within(String what, long value, long least, long most) {
        if (value < least || value > most) {
            problems.add(subject + ": " + what + ": " + value
                + (least == most ? ", not " + least : ", not in " + least + ".." + most));
        }
    }

    List<String> problems() {
        return problems;
    }
}
