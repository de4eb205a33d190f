package dev.baton.tools.options;

import dev.baton.datapath.ByteSize;
import dev.baton.datapath.NullPortConfig;
import dev.baton.datapath.VhostUserPortConfig;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Reads {@code KIND:NAME,key=value,...}. Whatever it does not know, it refuses. */
final class PortParser {
    /** A vring's index travels in eight bits (vhost-user, {@code SET_VRING_KICK}): 256 vrings. */
    static final int MAX_VHOST_USER_QUEUES = 128;

    /** {@code MAX_TAP_QUEUES} of the kernel. */
    static final int MAX_TAP_QUEUES = 256;

    /** {@code sun_path} of unix(7) with its closing zero byte. */
    static final int MAX_SOCKET_PATH_BYTES = 107;

    /** {@code IFNAMSIZ} of netdevice(7) without its closing zero byte. */
    static final int MAX_IFNAME_BYTES = 15;

    private static final String MEMORY_LIMIT = "memory-limit";
    private static final String BACKEND_TRANSFER = "backend-transfer";
    private static final String COALESCE = "coalesce";
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,62}");

    private final OptionLine line;
    private final Map<String, String> keys = new LinkedHashMap<>();
    private String syntax = Syntax.PORT;

    private PortParser(OptionLine line) {
        this.line = line;
    }

    static PortSpec parse(OptionLine line) {
        return new PortParser(line).parse();
    }

    private PortSpec parse() {
        String[] words = line.value().split(",", -1);
        int colon = words[0].indexOf(':');
        if (colon < 0) {
            throw refuse("a port is " + syntax);
        }
        String kind = words[0].substring(0, colon);
        String name = words[0].substring(colon + 1);
        syntax = switch (kind) {
            case "vhost-user" -> Syntax.VHOST_USER;
            case "tap" -> Syntax.TAP;
            case "loopback" -> Syntax.LOOPBACK;
            case "null" -> Syntax.NULL;
            default -> throw refuse("unknown kind of port '" + kind + "', it is vhost-user, tap, loopback or null");
        };
        if (!NAME.matcher(name).matches()) {
            throw refuse("'" + name + "' is no name for a port: use 1 to 63 letters, digits, dots, dashes and"
                    + " underscores, a letter or digit first");
        }
        for (int i = 1; i < words.length; i++) {
            addKey(words[i]);
        }
        PortSpec spec = switch (kind) {
            case "tap" -> tap(name);
            case "loopback" -> new PortSpec.Loopback(name, queues(MAX_TAP_QUEUES));
            case "null" -> new PortSpec.Null(name, queues(MAX_VHOST_USER_QUEUES), send());
            default -> vhostUser(name);
        };
        if (!keys.isEmpty()) {
            throw refuse("unknown key '" + keys.keySet().iterator().next() + "', a port of this kind is " + syntax);
        }
        return spec;
    }

    private void addKey(String word) {
        int equals = word.indexOf('=');
        if (equals <= 0) {
            throw refuse("'" + word + "' is not key=value, a port of this kind is " + syntax);
        }
        String key = word.substring(0, equals);
        if (keys.put(key, word.substring(equals + 1)) != null) {
            throw refuse("the key '" + key + "' is given twice");
        }
    }

    private PortSpec vhostUser(String name) {
        String path = keys.remove("path");
        if (path == null || path.isEmpty()) {
            throw refuse("the key 'path' is missing, a port of this kind is " + syntax);
        }
        return new PortSpec.VhostUser(name, socketPath(line, path),
                choice("mode", "server", "client"), queues(MAX_VHOST_USER_QUEUES), choice("offloads", "on", "off"),
                memoryLimit(), !choice(COALESCE, "off", "on"),
                keys.containsKey(BACKEND_TRANSFER) ? choice(BACKEND_TRANSFER, "on", "off") : null);
    }

    private PortSpec tap(String name) {
        String ifname = keys.containsKey("ifname") ? keys.remove("ifname") : name;
        if (ifname == null || ifname.isEmpty() || ifname.getBytes(StandardCharsets.UTF_8).length > MAX_IFNAME_BYTES
                || ifname.chars().anyMatch(c -> c <= ' ' || c == '/' || c == '%' || c == ':')) {
            throw refuse("'" + ifname + "' is no name for an interface: use 1 to " + MAX_IFNAME_BYTES
                    + " bytes without space, '/', ':' and '%'");
        }
        @Nullable String netns = keys.remove("netns");
        if (netns != null && netns.isEmpty()) {
            throw refuse("the key 'netns' is empty");
        }
        return new PortSpec.Tap(name, ifname, queues(MAX_TAP_QUEUES), netns, !choice("persistent", "off", "on"),
                choice(COALESCE, "on", "off"), choice("io", "auto", "plain"));
    }

    /** True for the first word, which is the default, false for the second. */
    private boolean choice(String key, String first, String second) {
        String value = keys.containsKey(key) ? keys.remove(key) : first;
        if (first.equals(value)) {
            return true;
        }
        if (second.equals(value)) {
            return false;
        }
        throw refuse("'" + key + "' is " + first + " or " + second + ", not '" + value + "'");
    }

    private int queues(int max) {
        String value = keys.containsKey("queues") ? keys.remove("queues") : "1";
        int number = Numbers.parse(value);
        if (number < 1 || number > max) {
            throw refuse("'queues' is a number from 1 to " + max + ", not '" + value + "'");
        }
        return number;
    }

    /** How much memory a front-end may have mapped, bytes. */
    private long memoryLimit() {
        if (!keys.containsKey(MEMORY_LIMIT)) {
            return VhostUserPortConfig.MAX_MEMORY_LIMIT_BYTES;
        }
        String value = String.valueOf(keys.remove(MEMORY_LIMIT));
        long bytes = ByteSize.parse(value);
        if (bytes < VhostUserPortConfig.MIN_MEMORY_LIMIT_BYTES || bytes > VhostUserPortConfig.MAX_MEMORY_LIMIT_BYTES) {
            throw refuse("'" + MEMORY_LIMIT + "' is bytes, or a number with K, M, G or T, from 1M to 16T, not '" + value
                    + "'");
        }
        return bytes;
    }

    /** The length of the frames that a port sends, 0 for none. */
    private int send() {
        String value = keys.containsKey("send") ? keys.remove("send") : "off";
        if ("off".equals(value)) {
            return 0;
        }
        int bytes = Numbers.parse(value);
        if (bytes < NullPortConfig.MIN_FRAME_BYTES || bytes > NullPortConfig.MAX_FRAME_BYTES) {
            throw refuse("'send' is off or the bytes of a frame, " + NullPortConfig.MIN_FRAME_BYTES + " to "
                    + NullPortConfig.MAX_FRAME_BYTES + ", not '" + value + "'");
        }
        return bytes;
    }

    private UsageException refuse(String why) {
        return line.refuse(why);
    }

    static Path socketPath(OptionLine line, String text) {
        Path path;
        try {
            path = Path.of(text);
        } catch (InvalidPathException e) {
            throw line.refuse("'" + text + "' is no path");
        }
        // White space at an end does not survive a configuration file, and nobody would see it in a message.
        if (!path.toString().equals(path.toString().strip())) {
            throw line.refuse("the path of a socket cannot begin or end in white space");
        }
        int length = text.getBytes(StandardCharsets.UTF_8).length;
        if (length > MAX_SOCKET_PATH_BYTES) {
            throw line.refuse("the path of the socket has " + length + " bytes, at most " + MAX_SOCKET_PATH_BYTES
                    + " are possible");
        }
        return path;
    }
}
