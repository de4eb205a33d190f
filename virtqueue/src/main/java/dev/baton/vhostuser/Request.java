package dev.baton.vhostuser;

import org.jspecify.annotations.Nullable;

/**
 * Every request a front end may send: its code, the size of its body in bytes, how many descriptors go with it, and
 * whether it has a reply of its own. Requests that the specification knows and Baton does not serve are listed too, so
 * that they are refused by name.
 *
 * <p>Source: QEMU's {@code docs/interop/vhost-user.rst}, "Front-end message types".
 */
public enum Request {
    /** Asks which virtio features are offered. */
    GET_FEATURES(1, 0, 0, true),
    /** Acks virtio features. */
    SET_FEATURES(2, 8, 0, false),
    /** Begins a session. */
    SET_OWNER(3, 0, 0, false),
    /** Deprecated; disables all rings. */
    RESET_OWNER(4, 0, 0, false),
    /** Replaces the whole memory table: up to eight regions, one descriptor each. */
    SET_MEM_TABLE(5, 8, 8 + 8 * 32, 0, 8, false, Protocol.NONE),
    /** Gives the memory of the dirty log. */
    SET_LOG_BASE(6, 16, 16, 1, 1, true, ProtocolFeatures.LOG_SHMFD),
    /** Gives an eventfd for changes of the log; taken and not used, as front ends read the log when they need it. */
    SET_LOG_FD(7, 8, 8, 1, 1, false, ProtocolFeatures.LOG_SHMFD),
    /** Sets the size of a virtqueue. */
    SET_VRING_NUM(8, 8, 0, false),
    /** Sets the addresses of a virtqueue. */
    SET_VRING_ADDR(9, 40, 0, false),
    /** Sets the available index at which a virtqueue goes on. */
    SET_VRING_BASE(10, 8, 0, false),
    /** Stops a virtqueue and asks where it stands. */
    GET_VRING_BASE(11, 8, 0, true),
    /** Gives the kick eventfd, or none, and starts the ring. */
    SET_VRING_KICK(12, 8, 8, 0, 1, false, Protocol.NONE),
    /** Gives the call eventfd, or none. */
    SET_VRING_CALL(13, 8, 8, 0, 1, false, Protocol.NONE),
    /** Gives the err eventfd, or none. */
    SET_VRING_ERR(14, 8, 8, 0, 1, false, Protocol.NONE),
    /** Asks which protocol features are offered. */
    GET_PROTOCOL_FEATURES(15, 0, 0, true),
    /** Acks protocol features. */
    SET_PROTOCOL_FEATURES(16, 8, 0, false),
    /** Asks how many queue pairs there may be. */
    GET_QUEUE_NUM(17, 0, 0, 0, 0, true, ProtocolFeatures.MQ),
    /** Enables or disables a virtqueue. */
    SET_VRING_ENABLE(18, 8, 0, false),
    /** Asks for an announcement of the guest's MAC address. */
    SEND_RARP(19, 8, 8, 0, 0, false, ProtocolFeatures.RARP),
    /** Tells the MTU that the guest sees. */
    NET_SET_MTU(20, 8, 8, 0, 0, false, ProtocolFeatures.NET_MTU),
    /** Channel for requests by the back end; not served, as Baton makes none. */
    SET_BACKEND_REQ_FD(21),
    /** IOMMU; not served. */
    IOTLB_MSG(22),
    /** Big-endian legacy devices; not served. */
    SET_VRING_ENDIAN(23),
    /** Configuration space; QEMU's virtio-net keeps it itself; not served. */
    GET_CONFIG(24),
    /** Configuration space; not served. */
    SET_CONFIG(25),
    /** Crypto devices; not served. */
    CREATE_CRYPTO_SESSION(26),
    /** Crypto devices; not served. */
    CLOSE_CRYPTO_SESSION(27),
    /** Postcopy migration; not served. */
    POSTCOPY_ADVISE(28),
    /** Postcopy migration; not served. */
    POSTCOPY_LISTEN(29),
    /** Postcopy migration; not served. */
    POSTCOPY_END(30),
    /** Asks for an inflight region. */
    GET_INFLIGHT_FD(31, 20, 24, 0, 0, true, ProtocolFeatures.INFLIGHT_SHMFD),
    /** Gives an inflight region, new or left by another back end. */
    SET_INFLIGHT_FD(32, 20, 24, 1, 1, false, ProtocolFeatures.INFLIGHT_SHMFD),
    /** Graphics devices; not served. */
    GPU_SET_SOCKET(33),
    /** Resets the device, not the session. */
    RESET_DEVICE(34, 0, 0, 0, 0, false, ProtocolFeatures.RESET_DEVICE),
    /** In-band kick; not served. */
    VRING_KICK(35),
    /** Asks how many memory regions there may be. */
    GET_MAX_MEM_SLOTS(36, 0, 0, 0, 0, true, ProtocolFeatures.CONFIGURE_MEM_SLOTS),
    /** Adds one memory region. */
    ADD_MEM_REG(37, 40, 40, 1, 1, false, ProtocolFeatures.CONFIGURE_MEM_SLOTS),
    /** Removes one memory region; a descriptor that some front ends attach by mistake is closed unused. */
    REM_MEM_REG(38, 40, 40, 0, 1, false, ProtocolFeatures.CONFIGURE_MEM_SLOTS),
    /** Tells the virtio device status. */
    SET_STATUS(39, 8, 8, 0, 0, false, ProtocolFeatures.STATUS),
    /** Asks for the virtio device status. */
    GET_STATUS(40, 0, 0, 0, 0, true, ProtocolFeatures.STATUS),
    /** Shared objects; not served. */
    GET_SHARED_OBJECT(41),
    /** Begins a transfer of the back end's state. */
    SET_DEVICE_STATE_FD(42, 8, 8, 1, 1, true, ProtocolFeatures.DEVICE_STATE),
    /** Asks whether the transfer was a success. */
    CHECK_DEVICE_STATE(43, 0, 0, 0, 0, true, ProtocolFeatures.DEVICE_STATE);

    private static final @Nullable Request[] BY_CODE = new @Nullable Request[44];

    static {
        for (Request request : values()) {
            BY_CODE[request.code] = request;
        }
    }

    private final int code;
    private final int minBodyBytes;
    private final int maxBodyBytes;
    private final int minDescriptors;
    private final int maxDescriptors;
    private final boolean replies;
    private final long protocolFeature;
    private final boolean served;

    Request(int code) {
        this(code, 0, Message.MAX_BODY_BYTES, 0, Message.MAX_DESCRIPTORS, false, Protocol.NONE, false);
    }

    Request(int code, int bodyBytes, int descriptors, boolean replies) {
        this(code, bodyBytes, bodyBytes, descriptors, descriptors, replies, Protocol.NONE, true);
    }

    Request(int code, int minBody, int maxBody, int minFds, int maxFds, boolean replies, long protocolFeature) {
        this(code, minBody, maxBody, minFds, maxFds, replies, protocolFeature, true);
    }

    Request(int code, int minBody, int maxBody, int minFds, int maxFds, boolean replies, long feature, boolean served) {
        this.code = code;
        this.minBodyBytes = minBody;
        this.maxBodyBytes = maxBody;
        this.minDescriptors = minFds;
        this.maxDescriptors = maxFds;
        this.replies = replies;
        this.protocolFeature = feature;
        this.served = served;
    }

    /** The request with this code, or null where the specification knows none. */
    public static @Nullable Request of(int code) {
        return code > 0 && code < BY_CODE.length ? BY_CODE[code] : null;
    }

    /** The code's name, or "request N" where the specification knows none. */
    public static String describe(int code) {
        Request request = of(code);
        return request == null ? "request " + Integer.toUnsignedString(code) : request.name();
    }

    /** The number in the header. */
    public int code() {
        return code;
    }

    /** Smallest body in bytes. */
    public int minBodyBytes() {
        return minBodyBytes;
    }

    /** Largest body in bytes. */
    public int maxBodyBytes() {
        return maxBodyBytes;
    }

    /** Fewest descriptors that go with it. */
    public int minDescriptors() {
        return minDescriptors;
    }

    /** Most descriptors that go with it. */
    public int maxDescriptors() {
        return maxDescriptors;
    }

    /** Whether it is answered even where no acknowledgement was asked for. */
    public boolean replies() {
        return replies;
    }

    /** The protocol feature, one bit, that it belongs to; 0 for none. */
    public long protocolFeature() {
        return protocolFeature;
    }

    /** Whether Baton's back end serves it. */
    public boolean served() {
        return served;
    }

    /** Constants that an enum's constructor calls may name. */
    private static final class Protocol {
        static final long NONE = 0;
    }
}
