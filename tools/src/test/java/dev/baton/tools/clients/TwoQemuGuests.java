package dev.baton.tools.clients;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * Two stock Linux guests and the wires between them, all in one Baton: of the wire with number 3, say, each guest has
 * its interface {@code eth3}.
 */
final class TwoQemuGuests implements AutoCloseable {
    private static final Duration LIMIT = Duration.ofMinutes(1);

    private final Workplace place = new Workplace();
    private final List<Wire> wires;
    private final BatonProcess baton;
    private final QemuGuest one;
    private final QemuGuest other;

    /**
     * What a wire is made of.
     *
     * @param name  a word
     * @param ports options of both its ports, each after a comma
     * @param one   options of the one guest's network device
     * @param other of the other guest's
     */
    record Wire(String name, String ports, String one, String other) {
    }

    /**
     * A guest's end of a wire.
     *
     * @param guest  whose it is
     * @param port   Baton's port
     * @param wire   the number of the wire
     * @param number of the guest, with which its addresses end
     */
    record End(QemuGuest guest, String port, int wire, int number) {
        String device() {
            return "eth" + wire;
        }

        /** Its IPv4 address. */
        String address() {
            return "10.77." + wire + "." + number;
        }

        /** Its IPv6 address. */
        String address6() {
            return "fd77:" + wire + "::" + number;
        }

        boolean acked(int feature) {
            return guest.acked(device(), feature);
        }

        /** The guest's counters of the interface, such as {@code rx_bytes}. */
        List<Long> statistics(String... names) {
            String numbers = guest.check("cd /sys/class/net/" + device() + "/statistics && cat "
                    + String.join(" ", names));
            return numbers.lines().map(number -> Long.valueOf(number.strip())).toList();
        }

        /** A counter of the guest's IP, of any interface, such as {@code Tcp}, {@code RetransSegs}. */
        long snmp(String protocol, String name) {
            return guest.number("awk '$1 == \"" + protocol + ":\" { for (i = 2; i <= NF; i++) "
                    + "if (n[i] == \"" + name + "\") print $i; else n[i] = $i }' /proc/net/snmp");
        }

        private void configure() {
            String settings = "/proc/sys/net/ipv6/conf/" + device();
            guest.check("ip addr replace " + address() + "/24 dev " + device() + " && echo 0 >" + settings
                    + "/accept_dad && echo 0 >" + settings + "/disable_ipv6 && ip link set " + device()
                    + " up && ip -6 addr add " + address6() + "/64 dev " + device());
        }
    }

    private TwoQemuGuests(List<Wire> wires) {
        this.wires = wires;
        List<String> options = new ArrayList<>();
        for (Wire wire : wires) {
            for (String port : List.of(wire.name() + "-one", wire.name() + "-other")) {
                options.addAll(List.of("--port", "vhost-user:" + port + ",path=" + place.path(port) + wire.ports()));
            }
            options.addAll(List.of("--wire", wire.name() + "-one=" + wire.name() + "-other"));
        }
        baton = BatonProcess.start(place, options.toArray(String[]::new));
        one = guest("one", 2, wires.stream().map(Wire::one).toList());
        other = guest("other", 3, wires.stream().map(Wire::other).toList());
    }

    /** Boots both, and waits until they answer each other on all wires, by IPv4 and by IPv6. */
    static TwoQemuGuests start(List<Wire> wires) {
        TwoQemuGuests guests = new TwoQemuGuests(wires);
        try {
            guests.one.awaitReady();
            guests.other.awaitReady();
            for (Wire wire : wires) {
                guests.one(wire).configure();
                guests.other(wire).configure();
            }
            for (Wire wire : wires) {
                guests.awaitPing(guests.other(wire).address());
                guests.awaitPing(guests.other(wire).address6());
            }
        } catch (AssertionError e) {
            guests.close();
            throw e;
        }
        return guests;
    }

    private QemuGuest guest(String name, int number, List<String> devices) {
        List<QemuGuest.Interface> more = new ArrayList<>();
        for (int i = 1; i < devices.size(); i++) {
            more.add(new QemuGuest.Interface(place.path(wires.get(i).name() + "-" + name),
                    "52:54:00:77:0" + i + ":0" + number, devices.get(i)));
        }
        return QemuGuest.start(new QemuGuest.Config(QemuBinary.newest(),
                place.path(wires.getFirst().name() + "-" + name), QemuGuest.Socket.CLIENT, 1, devices.getFirst(),
                "10.77.0." + number, more));
    }

    private void awaitPing(String address) {
        Poll.until(LIMIT, () -> "no answer from " + address, () -> one.run("ping -q -c 1 -W 5 " + address).ok());
    }

    BatonProcess baton() {
        return baton;
    }

    End one(Wire wire) {
        return new End(one, wire.name() + "-one", wires.indexOf(wire), 2);
    }

    End other(Wire wire) {
        return new End(other, wire.name() + "-other", wires.indexOf(wire), 3);
    }

    /** Ends all in good order; fails when something ended before, or a guest's kernel complained of anything. */
    void end() {
        for (QemuGuest guest : List.of(one, other)) {
            String complaints = guest.check("dmesg | grep -E 'Oops|BUG:|Call Trace|bad csum|bad gso' || true");
            if (!complaints.isEmpty()) {
                throw new AssertionError("a guest's kernel complains:\n" + complaints);
            }
            guest.powerOff();
        }
        baton.terminate();
    }

    @Override
    public void close() {
        one.close();
        other.close();
        baton.close();
        place.close();
    }
}
