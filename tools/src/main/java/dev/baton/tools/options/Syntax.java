package dev.baton.tools.options;

/** How the options of {@code baton run} are written: one text for the help, the messages and the documentation. */
public final class Syntax {
    /** A vhost-user port. */
    public static final String VHOST_USER =
            "vhost-user:NAME,path=SOCKET[,mode=server|client][,queues=N][,offloads=on|off][,memory-limit=SIZE]"
            + "[,coalesce=on|off]"
            + "[,backend-transfer=on|off]";

    /** A TAP port. */
    public static final String TAP =
            "tap:NAME[,ifname=INTERFACE][,queues=N][,netns=NAME|PATH][,persistent=on|off][,coalesce=on|off]"
            + "[,io=auto|plain]";

    /** A port that gives every frame back. */
    public static final String LOOPBACK = "loopback:NAME[,queues=N]";

    /** A port that counts and drops every frame, and sends frames if it is told to. */
    public static final String NULL = "null:NAME[,queues=N][,send=BYTES|off]";

    /** A port of any kind. */
    public static final String PORT = VHOST_USER + " or " + TAP + " or " + LOOPBACK + " or " + NULL;

    /** A wire. */
    public static final String WIRE = "A=B, the names of two ports";

    /** A list of CPUs. */
    public static final String CPUS = "CPU numbers and ranges such as 0,2-3";

    /** The idle modes. */
    public static final String IDLE = "busy or adaptive";

    /** A switch. */
    public static final String SWITCH = "on or off";

    /** The compatibility profiles. */
    public static final String PROFILE = "current or 0.1";

    /** One line of the configuration file. */
    public static final String CONFIG_LINE =
            "KEY = VALUE, with KEY one of port, wire, control, cpus, idle, backend-transfer, profile";

    private Syntax() {
    }
}
