package dev.baton.ffi;

import java.util.ArrayList;
import java.util.List;

/**
 * Descriptors that stay open until this is closed, whatever their owners do: one that an owner closes meanwhile is
 * closed at the end of the last loan, and until then its number is nobody else's.
 */
public final class Loan implements AutoCloseable {
    private final List<Fd> lent = new ArrayList<>();

    private Loan() {
    }

    /**
     * Borrows descriptors.
     *
     * @param descriptors all of them open
     * @return what gives them back
     * @throws IllegalStateException if one was closed or released; none is lent then
     */
    public static Loan of(List<Fd> descriptors) {
        Loan loan = new Loan();
        try {
            for (Fd descriptor : descriptors) {
                descriptor.borrow();
                loan.lent.add(descriptor);
            }
            return loan;
        } catch (IllegalStateException e) {
            loan.close();
            throw e;
        }
    }

    /** Gives all back. Idempotent. */
    @Override
    public void close() {
        lent.forEach(Fd::giveBack);
        lent.clear();
    }
}
