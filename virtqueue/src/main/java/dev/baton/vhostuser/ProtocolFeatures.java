package dev.baton.vhostuser;

/** The protocol feature bits, and which of them Baton's back end implements. */
public final class ProtocolFeatures {
    /** Several queue pairs. */
    public static final long MQ = 1L;
    /** The dirty log is memory that comes with a descriptor. */
    public static final long LOG_SHMFD = 1L << 1;
    /** Announcements on behalf of the guest. */
    public static final long RARP = 1L << 2;
    /** Any request may ask for an acknowledgement. */
    public static final long REPLY_ACK = 1L << 3;
    /** The front end tells the MTU. */
    public static final long NET_MTU = 1L << 4;
    /** The front end keeps, over a restart of the back end, where the virtqueues stand. */
    public static final long INFLIGHT_SHMFD = 1L << 12;
    /** The device can be reset without a new session. */
    public static final long RESET_DEVICE = 1L << 13;
    /** Memory regions are added and removed one by one. */
    public static final long CONFIGURE_MEM_SLOTS = 1L << 15;
    /** The front end tells the virtio device status. */
    public static final long STATUS = 1L << 16;
    /** The front end carries the back end's state to another back end. */
    public static final long DEVICE_STATE = 1L << 19;

    /** All that Baton's back end implements; a device may offer fewer. */
    public static final long IMPLEMENTED =
        MQ | LOG_SHMFD | RARP | REPLY_ACK | NET_MTU | INFLIGHT_SHMFD | RESET_DEVICE | CONFIGURE_MEM_SLOTS | STATUS
            | DEVICE_STATE;

    /**
     * The virtio feature bit (30) that says that protocol features are negotiated at all; where it is not acked, a
     * ring is enabled as soon as it is started.
     */
    public static final long F_PROTOCOL_FEATURES = 1L << 30;

    private static final String[] NAMES = {
        "MQ", "LOG_SHMFD", "RARP", "REPLY_ACK", "NET_MTU", "BACKEND_REQ", "CROSS_ENDIAN", "CRYPTO_SESSION",
        "PAGEFAULT", "CONFIG", "BACKEND_SEND_FD", "HOST_NOTIFIER", "INFLIGHT_SHMFD", "RESET_DEVICE",
        "INBAND_NOTIFICATIONS", "CONFIGURE_MEM_SLOTS", "STATUS", "XEN_MMAP", "SHARED_OBJECT", "DEVICE_STATE"};

    private ProtocolFeatures() {
    }

    /** The names of the bits that are set, for messages: {@code "MQ,REPLY_ACK,bit-40"}. */
    public static String describe(long features) {
        StringBuilder names = new StringBuilder();
        for (int bit = 0; bit < Long.SIZE; bit++) {
            if ((features >>> bit & 1) != 0) {
                names.append(names.isEmpty() ? "" : ",").append(bit < NAMES.length ? NAMES[bit] : "bit-" + bit);
            }
        }
        return names.isEmpty() ? "none" : names.toString();
    }
}
