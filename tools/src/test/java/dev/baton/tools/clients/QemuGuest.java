package dev.baton.tools.clients;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A stock Linux guest with a vhost-user interface, {@code eth0}, and on demand more of them. Its processors are
 * emulated, so that it is the same on every machine. The console takes commands ({@code tools/src/test/guest/init} is
 * the other end).
 */
final class QemuGuest implements AutoCloseable {
    /** The guest's address. */
    static final String ADDRESS = "10.77.0.2";

    private static final Duration BOOT = Duration.ofMinutes(4);
    private static final Duration COMMAND = Duration.ofMinutes(2);

    private final Child child;
    private final Path monitor;
    private int commands;

    private QemuGuest(Child child, Path monitor) {
        this.child = child;
        this.monitor = monitor;
    }

    /** Who listens at the vhost-user socket. */
    enum Socket {
        /** QEMU connects once: the back end must listen already. */
        CLIENT,
        /** QEMU connects, and again each second after the back end went. */
        RECONNECTING_CLIENT,
        /** QEMU listens, and waits for a back end before it starts the guest. */
        SERVER
    }

    /**
     * What a guest is made of.
     *
     * @param qemu       the program
     * @param vhost      the vhost-user socket
     * @param mode       who listens there
     * @param queuePairs how many, and how many processors
     * @param device     more options of the network device, such as {@code disable-modern=on}
     * @param address    its IPv4 address
     * @param more       further interfaces, {@code eth1} and on, of one queue pair, which nobody has configured yet
     */
    record Config(QemuBinary qemu, Path vhost, Socket mode, int queuePairs, String device, String address,
            List<Interface> more) {
        Config(QemuBinary qemu, Path vhost, Socket mode, int queuePairs, String device, String address) {
            this(qemu, vhost, mode, queuePairs, device, address, List.of());
        }

        Config(QemuBinary qemu, Path vhost, Socket mode, int queuePairs, String device) {
            this(qemu, vhost, mode, queuePairs, device, ADDRESS);
        }

        /** As long as the last number of its address has one digit. */
        private String mac() {
            return "52:54:00:77:00:0" + address.substring(address.lastIndexOf('.') + 1);
        }

        private String chardev() {
            return "socket,id=c0,path=" + vhost + switch (mode) {
                case CLIENT -> "";
                case RECONNECTING_CLIENT -> qemu.major() < 10 ? ",reconnect=1" : ",reconnect-ms=1000";
                case SERVER -> ",server=on";
            };
        }

        /** The options for the interface with this number, from 1 on. */
        private List<String> more(int number) {
            Interface added = more.get(number - 1);
            return List.of("-chardev", "socket,id=c" + number + ",path=" + added.vhost(),
                    "-netdev", "vhost-user,id=n" + number + ",chardev=c" + number,
                    "-device", "virtio-net-pci,netdev=n" + number + ",romfile=,mac=" + added.mac()
                            + (qemu.needsIntx() ? ",vectors=0" : "") + "," + added.device());
        }

        private String netDevice() {
            String vectors = qemu.needsIntx() ? ",vectors=0" : queuePairs > 1 ? ",vectors=" + (2 * queuePairs + 2) : "";
            return "virtio-net-pci,netdev=n0,mac=" + mac() + ",romfile=" + (queuePairs > 1 ? ",mq=on" : "")
                    + vectors + (device.isEmpty() ? "" : "," + device);
        }
    }

    /**
     * An interface more.
     *
     * @param vhost  its vhost-user socket, where a back end listens
     * @param mac    its MAC address
     * @param device options of the network device
     */
    record Interface(Path vhost, String mac, String device) {
    }

    /** Starts QEMU; {@link #awaitReady} waits for the guest in it. */
    static QemuGuest start(Config config) {
        return start(config, List.of());
    }

    /** Starts a QEMU that waits at this socket for the guest to come; its back end is there already. */
    static QemuGuest awaitMigration(Config config, Path incoming) {
        return start(config, List.of("-incoming", "unix:" + incoming));
    }

    /** Sends the guest to another QEMU, which waits at this socket; returns when it is there. */
    void migrate(QemuGuest destination, Path incoming) {
        Qmp.execute(monitor, "migrate-set-parameters", "{\"downtime-limit\":1000,\"max-bandwidth\":1000000000}");
        Qmp.execute(monitor, "migrate", "{\"uri\":\"unix:" + incoming + "\"}");
        Poll.until(COMMAND, () -> "the guest has moved: " + Qmp.execute(monitor, "query-migrate", "{}"), () -> {
            String state = Qmp.execute(monitor, "query-migrate", "{}");
            if (state.contains("\"failed\"")) {
                throw new AssertionError("migration: " + state + "\n" + child.tail());
            }
            return state.contains("\"completed\"");
        });
        // The guest goes on counting.
        destination.commands = commands;
    }

    private static QemuGuest start(Config config, List<String> more) {
        Path guest = RequireClients.clients().resolve("guest");
        Path monitor = config.vhost().resolveSibling(config.vhost().getFileName() + ".qmp");
        List<String> command = new ArrayList<>();
        command.add(config.qemu().program());
        command.addAll(config.qemu().firmware());
        command.addAll(List.of("-accel", "tcg,thread=multi", "-cpu", "max", "-M", "q35,memory-backend=mem",
                "-m", "256", "-object", "memory-backend-memfd,id=mem,size=256M,share=on",
                "-smp", Integer.toString(config.queuePairs()),
                "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                "-kernel", guest.resolve("vmlinuz").toString(),
                "-initrd", guest.resolve("initramfs.cpio").toString(),
                "-append", "console=ttyS0 quiet panic=-1 nokaslr mitigations=off guest.ip=" + config.address()
                        + "/24 guest.q=" + config.queuePairs(),
                "-serial", "stdio", "-qmp", "unix:" + monitor + ",server=on,wait=off",
                "-chardev", config.chardev(),
                "-netdev", "vhost-user,id=n0,chardev=c0,queues=" + config.queuePairs(),
                "-device", config.netDevice()));
        for (int number = 1; number <= config.more().size(); number++) {
            command.addAll(config.more(number));
        }
        command.addAll(more);
        return new QemuGuest(Child.start(config.qemu().toString(), command), monitor);
    }

    QemuGuest awaitReady() {
        return awaitReady(0);
    }

    /** Resets the machine in the middle of whatever it does, and waits for the guest to be there again. */
    void reboot() {
        int mark = child.mark();
        // Else QEMU would end, as it shall when the guest's kernel panics.
        Qmp.execute(monitor, "set-action", "{\"reboot\":\"reset\"}");
        monitor("system_reset");
        awaitReady(mark);
        commands = 0;
    }

    private QemuGuest awaitReady(int mark) {
        child.await(Pattern.compile("GUEST-READY"), mark, BOOT);
        if (child.outputFrom(mark).contains("GUEST-ERROR")) {
            throw new AssertionError("the guest's set-up failed:\n" + child.tail());
        }
        return this;
    }

    /** Runs a line of shell in the guest. */
    Command.Result run(String line) {
        int mark = child.mark();
        child.send(line);
        commands++;
        Matcher matcher = child.await(Pattern.compile("(?s)(.*)\nGUEST-RC " + commands + " (\\d+)\\s"), mark, COMMAND);
        return new Command.Result(Integer.parseInt(matcher.group(2)), matcher.group(1).replace("\r", "").strip());
    }

    /** Runs a line of shell that must succeed, and gives its output. */
    String check(String line) {
        Command.Result result = run(line);
        if (!result.ok()) {
            throw new AssertionError("guest: " + line + ": exit " + result.exit() + "\n" + result.output());
        }
        return result.output();
    }

    /** Whether the guest's driver acked a feature bit. */
    boolean acked(int feature) {
        return acked("eth0", feature);
    }

    /** The same of another interface. */
    boolean acked(String device, int feature) {
        return check("cat /sys/class/net/" + device + "/device/features").charAt(feature) == '1';
    }

    long number(String line) {
        return Long.parseLong(check(line));
    }

    /** How often the link went up or down. */
    long carrierChanges() {
        return number("cat /sys/class/net/eth0/carrier_changes");
    }

    long rxFrames() {
        return number("cat /sys/class/net/eth0/statistics/rx_packets");
    }

    long txFrames() {
        return number("cat /sys/class/net/eth0/statistics/tx_packets");
    }

    void monitor(String command) {
        Qmp.execute(monitor, command);
    }

    boolean alive() {
        return child.alive();
    }

    String tail() {
        return child.tail();
    }

    /** Powers the guest off in good order; fails when QEMU does not end by itself. */
    void powerOff() {
        child.send("quit");
        int exit = child.awaitExit(Duration.ofMinutes(1));
        if (exit != 0) {
            throw new AssertionError("QEMU: exit " + exit + "\n" + child.tail());
        }
    }

    @Override
    public void close() {
        child.kill();
        child.close();
    }
}
