package dev.baton.tools.clients;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** QEMU's machine protocol, as far as the tests speak it. */
final class Qmp {
    private Qmp() {
    }

    /**
     * Runs one command on a connection of its own.
     *
     * @param socket  of the monitor
     * @param command such as {@code stop}
     */
    static void execute(Path socket, String command) {
        execute(socket, command, "{}");
    }

    /**
     * Runs one command on a connection of its own.
     *
     * @param socket    of the monitor
     * @param command   such as {@code migrate}
     * @param arguments a JSON object
     * @return the line that answers it
     */
    static String execute(Path socket, String command, String arguments) {
        try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            channel.connect(UnixDomainSocketAddress.of(socket));
            answer(channel, "QMP");
            send(channel, "qmp_capabilities", "{}");
            answer(channel, "return");
            send(channel, command, arguments);
            return answer(channel, "return");
        } catch (IOException e) {
            throw new AssertionError("QMP " + command + ": " + e.getMessage(), e);
        }
    }

    private static void send(SocketChannel channel, String command, String arguments) throws IOException {
        String line = "{\"execute\":\"" + command + "\",\"arguments\":" + arguments + "}\n";
        channel.write(ByteBuffer.wrap(line.getBytes(StandardCharsets.UTF_8)));
    }

    /** Reads lines, events among them, up to the one with this key. */
    private static String answer(SocketChannel channel, String key) throws IOException {
        StringBuilder line = new StringBuilder();
        ByteBuffer one = ByteBuffer.allocate(1);
        while (channel.read(one.clear()) == 1) {
            char c = (char) one.get(0);
            if (c != '\n') {
                line.append(c);
                continue;
            }
            if (line.toString().contains("\"error\"")) {
                throw new IOException(line.toString());
            }
            if (line.toString().contains("\"" + key + "\"")) {
                return line.toString();
            }
            line.setLength(0);
        }
        throw new IOException("the monitor hung up");
    }
}
