package dev.baton.virtqueue;

import java.util.StringJoiner;
import org.jspecify.annotations.Nullable;

/** Feature bits of virtio (1.2, 6) and virtio-net (1.2, 5.1.3; USO from 1.3), as masks. */
public final class Features {

    /** Device handles frames with partial checksum. */
    public static final long CSUM = 1L;
    /** Driver handles frames with partial checksum. */
    public static final long GUEST_CSUM = 1L << 1;
    /** Offloads can be changed through the control queue. */
    public static final long CTRL_GUEST_OFFLOADS = 1L << 2;
    /** The device tells the largest MTU. */
    public static final long MTU = 1L << 3;
    /** The device has a MAC address. */
    public static final long MAC = 1L << 5;
    /** Legacy: "any segmentation"; never offered. */
    public static final long GSO = 1L << 6;
    /** Driver receives TSOv4. */
    public static final long GUEST_TSO4 = 1L << 7;
    /** Driver receives TSOv6. */
    public static final long GUEST_TSO6 = 1L << 8;
    /** Driver receives TSO with ECN. */
    public static final long GUEST_ECN = 1L << 9;
    /** Driver receives UFO. */
    public static final long GUEST_UFO = 1L << 10;
    /** Device takes TSOv4. */
    public static final long HOST_TSO4 = 1L << 11;
    /** Device takes TSOv6. */
    public static final long HOST_TSO6 = 1L << 12;
    /** Device takes TSO with ECN. */
    public static final long HOST_ECN = 1L << 13;
    /** Device takes UFO. */
    public static final long HOST_UFO = 1L << 14;
    /** Mergeable receive buffers. */
    public static final long MRG_RXBUF = 1L << 15;
    /** The link status can be read. */
    public static final long STATUS = 1L << 16;
    /** There is a control queue. */
    public static final long CTRL_VQ = 1L << 17;
    /** Control queue: receive modes. */
    public static final long CTRL_RX = 1L << 18;
    /** Control queue: VLAN filter. */
    public static final long CTRL_VLAN = 1L << 19;
    /** Control queue: more receive modes. */
    public static final long CTRL_RX_EXTRA = 1L << 20;
    /** Driver can send gratuitous packets. */
    public static final long GUEST_ANNOUNCE = 1L << 21;
    /** Several queue pairs. */
    public static final long MQ = 1L << 22;
    /** Control queue: MAC address. */
    public static final long CTRL_MAC_ADDR = 1L << 23;
    /** Legacy: notify when the available ring runs empty. */
    public static final long NOTIFY_ON_EMPTY = 1L << 24;
    /** Legacy spelling of VHOST_F_LOG_ALL: the back end logs what it writes. */
    public static final long LOG_ALL = 1L << 26;
    /** Legacy: any descriptor layout. */
    public static final long ANY_LAYOUT = 1L << 27;
    /** Indirect descriptor tables. */
    public static final long INDIRECT_DESC = 1L << 28;
    /** Notification suppression by index. */
    public static final long EVENT_IDX = 1L << 29;
    /** vhost-user: there are protocol features. */
    public static final long PROTOCOL_FEATURES = 1L << 30;
    /** Virtio 1.0 or later. */
    public static final long VERSION_1 = 1L << 32;
    /** The device's accesses go through an IOMMU. */
    public static final long ACCESS_PLATFORM = 1L << 33;
    /** Packed virtqueues. */
    public static final long RING_PACKED = 1L << 34;
    /** Buffers are used in the order in which they were made available. */
    public static final long IN_ORDER = 1L << 35;
    /** Memory accesses are ordered as by the platform. */
    public static final long ORDER_PLATFORM = 1L << 36;
    /** Extra data in notifications. */
    public static final long NOTIFICATION_DATA = 1L << 38;
    /** Single queues can be reset. */
    public static final long RING_RESET = 1L << 40;
    /** Driver receives USOv4. */
    public static final long GUEST_USO4 = 1L << 54;
    /** Driver receives USOv6. */
    public static final long GUEST_USO6 = 1L << 55;
    /** Device takes USO. */
    public static final long HOST_USO = 1L << 56;
    /** Device reports a hash. */
    public static final long HASH_REPORT = 1L << 57;
    /** Driver tells exact header lengths. */
    public static final long GUEST_HDRLEN = 1L << 59;
    /** Receive-side scaling. */
    public static final long RSS = 1L << 60;
    /** Receive-segment-coalescing numbers. */
    public static final long RSC_EXT = 1L << 61;
    /** The device stands by for another. */
    public static final long STANDBY = 1L << 62;

    private static final @Nullable String[] NAMES = new @Nullable String[64];

    static {
        String[] low = {"CSUM", "GUEST_CSUM", "CTRL_GUEST_OFFLOADS", "MTU", "", "MAC", "GSO", "GUEST_TSO4",
            "GUEST_TSO6", "GUEST_ECN", "GUEST_UFO", "HOST_TSO4", "HOST_TSO6", "HOST_ECN", "HOST_UFO", "MRG_RXBUF",
            "STATUS", "CTRL_VQ", "CTRL_RX", "CTRL_VLAN", "CTRL_RX_EXTRA", "GUEST_ANNOUNCE", "MQ", "CTRL_MAC_ADDR",
            "NOTIFY_ON_EMPTY", "", "LOG_ALL", "ANY_LAYOUT", "INDIRECT_DESC", "EVENT_IDX", "PROTOCOL_FEATURES", "",
            "VERSION_1", "ACCESS_PLATFORM", "RING_PACKED", "IN_ORDER", "ORDER_PLATFORM", "", "NOTIFICATION_DATA", "",
            "RING_RESET"};
        for (int i = 0; i < low.length; i++) {
            NAMES[i] = low[i].isEmpty() ? null : low[i];
        }
        String[] high = {"GUEST_USO4", "GUEST_USO6", "HOST_USO", "HASH_REPORT", "", "GUEST_HDRLEN", "RSS", "RSC_EXT",
            "STANDBY"};
        for (int i = 0; i < high.length; i++) {
            NAMES[54 + i] = high[i].isEmpty() ? null : high[i];
        }
    }

    private Features() {
    }

    /** The names of the bits that are set, lowest first, such as {@code CSUM,MRG_RXBUF,VERSION_1}. */
    public static String describe(long features) {
        StringJoiner names = new StringJoiner(",");
        for (int bit = 0; bit < 64; bit++) {
            if ((features >>> bit & 1) != 0) {
                String name = NAMES[bit];
                names.add(name == null ? "bit" + bit : name);
            }
        }
        return names.toString();
    }
}
