package dev.baton.datapath;

/**
 * Two ports joined: every frame that enters by one leaves by the other, queue pair by queue pair.
 *
 * @param a one port
 * @param b the other port
 */
public record Wire(Port a, Port b) {
    /** Refuses a port wired to itself, and two ports that cannot be joined. */
    public Wire {
        if (a == b) {
            throw new DatapathException("port " + a.name() + " cannot be wired to itself");
        }
        a.checkWire(b);
        b.checkWire(a);
    }

    boolean joins(Port port) {
        return a == port || b == port;
    }

    @Override
    public String toString() {
        return a.name() + "=" + b.name();
    }
}
