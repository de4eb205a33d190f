package dev.baton.tools.options;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RunOptionsTest {
    private static final String VM = "--port vhost-user:vm0,path=/run/vm0.sock";
    private static final String TAP = "--port tap:tap0";

    @Test
    void everyOptionIsTaken() {
        RunOptions options = cli(
                "--port vhost-user:vm0,path=/run/vm0.sock,mode=client,queues=2,offloads=off,memory-limit=64G"
                    + ",coalesce=on,backend-transfer=off",
                "--port loopback:mirror,queues=3", "--port null:sink,queues=4,send=1514",
                "--port tap:uplink,ifname=tap0,queues=2,netns=blue,persistent=on,coalesce=off,io=plain",
                "--wire vm0=uplink",
                "--control /run/baton.sock", "--cpus 0,2-3", "--idle busy", "--backend-transfer off", "--profile 0.1");
        assertThat(options).isEqualTo(new RunOptions(
                List.of(new PortSpec.VhostUser("vm0", Path.of("/run/vm0.sock"), false, 2, false, 64L << 30, true,
                            false),
                        new PortSpec.Loopback("mirror", 3), new PortSpec.Null("sink", 4, 1514),
                        new PortSpec.Tap("uplink", "tap0", 2, "blue", true, false, false)),
                List.of(new WireSpec("vm0", "uplink")), Path.of("/run/baton.sock"), List.of(0, 2, 3), true,
                new TransferOptions(false, true)));
    }

    @Test
    void defaultsAreSpelledOut() {
        assertThat(cli(VM, TAP, "--wire vm0=tap0").describe()).containsExactly(
                "port = vhost-user:vm0,path=/run/vm0.sock,mode=server,queues=1,offloads=on,memory-limit=16T,"
                    + "coalesce=off",
                "port = tap:tap0,ifname=tap0,queues=1,persistent=off,coalesce=on,io=auto", "wire = vm0=tap0",
                "idle = adaptive",
                "backend-transfer = on");
    }

    @Test
    void theEffectiveConfigurationIsAConfigurationFile() {
        RunOptions options = cli(VM + ",queues=4,memory-limit=5000M,backend-transfer=on",
                TAP + ",netns=/run/netns/blue",
                "--wire tap0=vm0", "--cpus 1", "--idle busy", "--control /run/c.sock", "--backend-transfer off",
                "--profile 0.1", "--port loopback:mirror", "--port null:sink", "--port null:source,send=60");
        assertThat(RunOptions.of(ConfigFile.parse("f", options.describe()), List.of())).isEqualTo(options);
    }

    @Test
    void theCommandLineGoesBeforeTheFile() {
        List<OptionLine> file = ConfigFile.parse("baton.conf", List.of("# a guest", "",
                " port = vhost-user:vm0,path=/a ", "port=tap:tap0",
                "port=tap:tap1", "wire = vm0=tap0", "idle = busy", "cpus = 0"));
        RunOptions options = RunOptions.of(file, lines("--port tap:tap2,queues=3", "--port vhost-user:vm0,path=/b",
                "--wire vm0=tap2", "--cpus 1"));
        assertThat(options.describe()).containsExactly(
                "port = vhost-user:vm0,path=/b,mode=server,queues=1,offloads=on,memory-limit=16T,coalesce=off",
                "port = tap:tap0,ifname=tap0,queues=1,persistent=off,coalesce=on,io=auto",
                "port = tap:tap1,ifname=tap1,queues=1,persistent=off,coalesce=on,io=auto",
                "port = tap:tap2,ifname=tap2,queues=3,persistent=off,coalesce=on,io=auto", "wire = vm0=tap2",
                "cpus = 1", "idle = busy", "backend-transfer = on");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', value = {
        "vm0                               | a port is vhost-user:NAME",
        "vhos:vm0,path=/a                  | unknown kind of port 'vhos', it is vhost-user, tap, loopback or null",
        "tap:                              | '' is no name for a port",
        "tap:-x                            | '-x' is no name for a port",
        "tap:a b                           | 'a b' is no name for a port",
        "vhost-user:vm0                    | the key 'path' is missing",
        "vhost-user:vm0,path=              | the key 'path' is missing",
        "vhost-user:vm0,path=/a,path=/b    | the key 'path' is given twice",
        "vhost-user:vm0,path=/a,netns=x    | unknown key 'netns', a port of this kind is vhost-user:NAME,path=SOCKET",
        "vhost-user:vm0,path=/a,mode=both  | 'mode' is server or client, not 'both'",
        "vhost-user:vm0,path=/a,offloads=1 | 'offloads' is on or off, not '1'",
        "vhost-user:vm0,path=/a,memory-limit=1M | ok",
        "vhost-user:vm0,path=/a,memory-limit=1048575 | 'memory-limit' is bytes, or a number with K, M, G"
            + " or T, from 1M to 16T, not '1048575'",
        "vhost-user:vm0,path=/a,memory-limit=16T | ok",
        "vhost-user:vm0,path=/a,memory-limit=16385G | 'memory-limit' is bytes, or a number with K, M, G or T",
        "vhost-user:vm0,path=/a,memory-limit=99999999T | 'memory-limit' is bytes, or a number with K, M, G or T",
        "vhost-user:vm0,path=/a,memory-limit=9x | 'memory-limit' is bytes, or a number with K, M, G or T, from 1M"
            + " to 16T, not '9x'",
        "vhost-user:vm0,path=/a,memory-limit= | 'memory-limit' is bytes, or a number with K, M, G or T, from 1M"
            + " to 16T, not ''",
        "vhost-user:vm0,path=/a,queues=0   | 'queues' is a number from 1 to 128, not '0'",
        "vhost-user:vm0,path=/a,queues=129 | 'queues' is a number from 1 to 128, not '129'",
        "vhost-user:vm0,path=/a,queues=2x  | 'queues' is a number from 1 to 128, not '2x'",
        "vhost-user:vm0,path=/a,queues=    | 'queues' is a number from 1 to 128, not ''",
        "vhost-user:vm0,path=/a,queues=-1  | 'queues' is a number from 1 to 128, not '-1'",
        "vhost-user:vm0,path=/a,queues=99999999999 | 'queues' is a number from 1 to 128",
        "vhost-user:vm0,path=/a,backend-transfer=yes | 'backend-transfer' is on or off, not 'yes'",
        "tap:t0,backend-transfer=on        | unknown key 'backend-transfer', a port of this kind is tap:NAME",
        "loopback:l0,queues=257            | 'queues' is a number from 1 to 256, not '257'",
        "loopback:l0,path=/a               | unknown key 'path', a port of this kind is loopback:NAME",
        "null:n0,queues=129                | 'queues' is a number from 1 to 128, not '129'",
        "null:n0,path=/a                   | unknown key 'path', a port of this kind is null:NAME",
        "null:n0,send=9014                 | ok",
        "null:n0,send=9015                 | 'send' is off or the bytes of a frame, 60 to 9014, not '9015'",
        "null:n0,send=59                   | 'send' is off or the bytes of a frame, 60 to 9014, not '59'",
        "null:n0,send=0                    | 'send' is off or the bytes of a frame, 60 to 9014, not '0'",
        "null:n0,send=on                   | 'send' is off or the bytes of a frame, 60 to 9014, not 'on'",
        "null:n0,send=                     | 'send' is off or the bytes of a frame, 60 to 9014, not ''",
        "tap:t0,queues=257                 | 'queues' is a number from 1 to 256, not '257'",
        "tap:t0,path=/a                    | unknown key 'path', a port of this kind is tap:NAME",
        "tap:t0,persistent=yes             | 'persistent' is off or on, not 'yes'",
        "vhost-user:vm0,path=/a,coalesce=1 | 'coalesce' is off or on, not '1'",
        "tap:t0,coalesce=yes               | 'coalesce' is on or off, not 'yes'",
        "tap:t0,io=uring                   | 'io' is auto or plain, not 'uring'",
        "tap:t0,netns=                     | the key 'netns' is empty",
        "tap:t0,queues                     | 'queues' is not key=value",
        "tap:t0,                           | '' is not key=value",
        "tap:t0,=1                         | '=1' is not key=value",
        "tap:a-name-of-16-by               | ok",
        "tap:a-name-of-16-byt              | 'a-name-of-16-byt' is no name for an interface",
        "tap:t0,ifname=a/b                 | 'a/b' is no name for an interface",
        "tap:t0,ifname=tap%d               | 'tap%d' is no name for an interface"})
    void aPortIsCheckedWordByWord(String port, String expected) {
        if ("ok".equals(expected)) {
            assertThat(cli("--port " + port).ports()).hasSize(1);
            return;
        }
        assertThatThrownBy(() -> cli("--port " + port)).isInstanceOf(UsageException.class)
                .hasMessageStartingWith("--port " + port + ": ").hasMessageContaining(expected);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', value = {
        "vm0      | a wire is A=B",
        "=vm0     | a wire is A=B",
        "vm0=     | a wire is A=B",
        "a=b=c    | a wire is A=B",
        "vm0=vm0  | a port cannot be wired to itself",
        "vm0=tap9 | there is no port 'tap9', the ports are vm0, tap0"})
    void aWireIsChecked(String wire, String expected) {
        assertThatThrownBy(() -> cli(VM, TAP, "--wire " + wire)).isInstanceOf(UsageException.class)
                .hasMessageStartingWith("--wire " + wire + ": ").hasMessageContaining(expected);
    }

    @Test
    void aNullPortIsWiredToAGuest() {
        assertThat(cli(VM, "--port null:n0", "--wire n0=vm0").wires()).hasSize(1);
        String sentence = "a null port can be wired to a vhost-user port alone";
        assertRefused("--wire n0=tap0: " + sentence, TAP, "--port null:n0", "--wire n0=tap0");
        assertRefused("--wire loop=n0: " + sentence, "--port loopback:loop", "--port null:n0", "--wire loop=n0");
        assertRefused("--wire n0=n1: " + sentence, "--port null:n0", "--port null:n1,send=64", "--wire n0=n1");
    }

    @Test
    void aPortIsWiredOnce() {
        assertRefused("the port 'vm0' is wired already, by vm0=tap0", VM, TAP, "--port tap:tap1", "--wire vm0=tap0",
                "--wire tap1=vm0");
    }

    @Test
    void namesPathsAndInterfacesAreUsedOnce() {
        assertRefused("there are two ports with the name 'tap0'", TAP, TAP + ",queues=2");
        assertRefused("the interface tap0 belongs to the port 'tap0' already", TAP, "--port tap:x,ifname=tap0");
        assertRefused("the socket /run/vm0.sock belongs to the port 'vm0' already", VM,
                "--port vhost-user:vm1,path=/run/../run/vm0.sock");
        assertRefused("the socket /run/vm0.sock belongs to the control socket already", VM, "--control /run/vm0.sock");
        assertThat(cli(TAP, "--port tap:x,ifname=tap0,netns=blue").ports()).hasSize(2);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", ",", "a", "1-", "-1", "3-2", "0,0", "0-2,1", "0-99999", "1.5", "0;1"})
    void aCpuListIsChecked(String list) {
        assertThatThrownBy(() -> cli(TAP, "--cpus " + list)).isInstanceOf(UsageException.class)
                .hasMessageStartingWith("--cpus");
    }

    @Test
    void anIdleModeIsChecked() {
        assertRefused("--idle lazy: the idle mode is busy or adaptive", TAP, "--idle lazy");
    }

    @Test
    void theSwitchAndTheProfileAreChecked() {
        assertRefused("--backend-transfer maybe: the switch is on or off", TAP, "--backend-transfer maybe");
        assertRefused("--profile 9: the profile is current or 0.1", TAP, "--profile 9");
    }

    @Test
    void theOlderProfileTurnsTheSwitchesOfDevicesOff() {
        assertThat(cli(TAP).transfer().device(null)).isTrue();
        TransferOptions older = cli(TAP, "--profile 0.1").transfer();
        assertThat(older.device(null)).isFalse();
        assertThat(older.device(true)).isTrue();
        assertThat(older.profile()).isEqualTo("0.1");
        assertThat(cli(TAP, "--profile current").transfer()).isEqualTo(TransferOptions.DEFAULT);
    }

    @Test
    void aSocketPathFitsSunPath() {
        String path = "/" + "x".repeat(106);
        assertThat(cli("--port vhost-user:vm0,path=" + path).ports()).hasSize(1);
        assertRefused("the path of the socket has 108 bytes, at most 107 are possible",
                "--port vhost-user:vm0,path=" + path + "x");
        assertRefused("at most 107 are possible", TAP, "--control " + path + "x");
    }

    @Test
    void noSocketPathEndsInWhiteSpace() {
        OptionLine line = new OptionLine("control", "= /", "baton.conf:3: control");
        assertThatThrownBy(() -> RunOptions.of(List.of(line), List.of()))
            .hasMessageContaining("baton.conf:3: control", "cannot begin or end in white space");
    }

    @Test
    void withoutAPortThereIsNothingToRun() {
        assertRefused("there is nothing to run: give at least one --port");
    }

    @Test
    void aFileIsNamedWithItsLine(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("baton.conf");
        Files.writeString(file, "# ports\nport = tap:tap0\n\nspeed = 11\n");
        assertThatThrownBy(() -> RunOptions.of(ConfigFile.read(file.toString()), List.of()))
                .hasMessage(file + ":4: speed: unknown key, a line is " + Syntax.CONFIG_LINE);
        Files.writeString(file, "port = tap:tap0,queues=x\n");
        assertThatThrownBy(() -> RunOptions.of(ConfigFile.read(file.toString()), List.of()))
                .hasMessage(file + ":1: port tap:tap0,queues=x: 'queues' is a number from 1 to 256, not 'x'");
        Files.writeString(file, "just words\n");
        assertThatThrownBy(() -> ConfigFile.read(file.toString()))
                .hasMessageContaining(":1: 'just words' is no option");
        Files.writeString(file, "idle = busy\nidle = busy\nport = tap:tap0");
        assertThatThrownBy(() -> RunOptions.of(ConfigFile.read(file.toString()), List.of()))
                .hasMessageContaining(":2: idle busy: 'idle' is given twice");
        Files.write(file, new byte[] {(byte) 0xff, (byte) 0xfe});
        assertThatThrownBy(() -> ConfigFile.read(file.toString())).hasMessageContaining("not a text in UTF-8");
        assertThatThrownBy(() -> ConfigFile.read(folder + "/none")).hasMessageContaining("there is no such file");
        assertThatThrownBy(() -> ConfigFile.read(folder.toString())).hasMessageContaining("cannot be read");
    }

    private static void assertRefused(String message, String... arguments) {
        assertThatThrownBy(() -> cli(arguments)).isInstanceOf(UsageException.class).hasMessageContaining(message);
    }

    private static RunOptions cli(String... arguments) {
        return RunOptions.of(List.of(), lines(arguments));
    }

    private static List<OptionLine> lines(String... arguments) {
        List<OptionLine> lines = new ArrayList<>();
        for (String argument : arguments) {
            String[] words = argument.split(" ", 2);
            lines.add(OptionLine.argument(words[0].substring(2), words[1]));
        }
        return lines;
    }
}
