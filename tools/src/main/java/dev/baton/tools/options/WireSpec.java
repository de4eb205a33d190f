package dev.baton.tools.options;

/**
 * Two ports to be joined.
 *
 * @param a the name of one port
 * @param b the name of the other
 */
public record WireSpec(String a, String b) {
    boolean touches(String port) {
        return a.equals(port) || b.equals(port);
    }

    static WireSpec parse(OptionLine line) {
        int equals = line.value().indexOf('=');
        if (equals <= 0 || equals != line.value().lastIndexOf('=') || equals == line.value().length() - 1) {
            throw line.refuse("a wire is " + Syntax.WIRE);
        }
        WireSpec wire = new WireSpec(line.value().substring(0, equals), line.value().substring(equals + 1));
        if (wire.a.equals(wire.b)) {
            throw line.refuse("a port cannot be wired to itself");
        }
        return wire;
    }

    /**
     * The wire as an option.
     *
     * @return {@code A=B}
     */
    public String describe() {
        return a + "=" + b;
    }
}
