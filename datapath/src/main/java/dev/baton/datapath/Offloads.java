package dev.baton.datapath;

import dev.baton.ffi.TunTap;
import dev.baton.offload.Requests;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.VirtioNetHeader;
import org.jspecify.annotations.Nullable;

/**
 * Checksum and segmentation offload in its three languages: virtio-net feature bits, seen from the guest (virtio 1.2,
 * 5.1.3), the TUN_F flags of TUNSETOFFLOAD (linux/if_tun.h), and a frame's own virtio-net header (5.1.6).
 *
 * <p>The bits of a set say which frames a port takes: {@link #CSUM} a frame whose checksum is still to be filled in,
 * the others a frame that is still to be cut into segments.
 */
final class Offloads {
    static final int NONE = 0;
    static final int CSUM = 1;
    static final int TSO4 = 1 << 1;
    static final int TSO6 = 1 << 2;
    static final int ECN = 1 << 3;
    static final int USO4 = 1 << 4;
    static final int USO6 = 1 << 5;
    static final int ALL = CSUM | TSO4 | TSO6 | ECN | USO4 | USO6;

    /** A type of segmentation that is none of these. */
    private static final int UNKNOWN = 1 << 31;

    private static final int[] BITS = {CSUM, TSO4, TSO6, ECN, USO4, USO6};
    private static final int[] TUN = {TunTap.TUN_F_CSUM, TunTap.TUN_F_TSO4, TunTap.TUN_F_TSO6, TunTap.TUN_F_TSO_ECN,
        TunTap.TUN_F_USO4, TunTap.TUN_F_USO6};
    /** An Ethernet header, behind the virtio-net header. */
    static final int SHORTEST_FRAME = VirtioNetHeader.LENGTH + 14;

    /** Of the first 8 bytes of a header, flags and type: 0 where a frame asks for nothing. */
    private static final long ASKED = 0xffL | 0xffL << (8 * VirtioNetHeader.GSO_TYPE_OFFSET);
    private static final long ECN_BIT = (long) VirtioNetHeader.GSO_ECN << (8 * VirtioNetHeader.GSO_TYPE_OFFSET);
    /** Of the header's flags a sender may set NEEDS_CSUM alone (virtio 1.2, 5.1.6.2). */
    private static final long SENDER_FLAGS = ~0xffL | VirtioNetHeader.NEEDS_CSUM;
    private static final long[] GUEST = {Features.GUEST_CSUM, Features.GUEST_TSO4, Features.GUEST_TSO6,
        Features.GUEST_ECN, Features.GUEST_USO4, Features.GUEST_USO6};
    private static final long[] HOST = {Features.CSUM, Features.HOST_TSO4, Features.HOST_TSO6,
        Features.HOST_ECN, Features.HOST_USO, Features.HOST_USO};

    private Offloads() {
    }

    /** Whether a frame whose header begins with these 8 bytes asks for an offload, or sets a flag. */
    static boolean asked(long header) {
        return (header & ASKED) != 0;
    }

    /** These 8 bytes without the flags that a sender may not set. */
    static long sent(long header) {
        return header & SENDER_FLAGS;
    }

    /** The set that a TAP's TUN_F flags stand for. */
    static int ofTun(int tunF) {
        int set = NONE;
        for (int i = 0; i < BITS.length; i++) {
            set |= (tunF & TUN[i]) != 0 ? BITS[i] : 0;
        }
        return set;
    }

    /** The TUN_F flags of a set. The kernel wants none without checksum, and both USO flags or neither. */
    static int toTun(int set) {
        if ((set & CSUM) == 0) {
            return 0;
        }
        int tunF = 0;
        for (int i = 0; i < BITS.length; i++) {
            tunF |= (set & BITS[i]) != 0 ? TUN[i] : 0;
        }
        int uso = TunTap.TUN_F_USO4 | TunTap.TUN_F_USO6;
        return (tunF & uso) == uso ? tunF : tunF & ~uso;
    }

    /** What a guest takes that acked these features. */
    static int takenByGuest(long features) {
        int set = NONE;
        for (int i = 0; i < BITS.length; i++) {
            set |= (features & GUEST[i]) != 0 ? BITS[i] : 0;
        }
        return set;
    }

    /** What frames can be joined to for a guest that acked these features: no kind of frame but those it takes. */
    static int joined(long features) {
        int takes = takenByGuest(features);
        int uso = (takes & (USO4 | USO6)) == (USO4 | USO6) ? USO4 | USO6 : NONE;
        return (takes & CSUM) != 0 ? (takes & (TSO4 | TSO6)) | uso : NONE;
    }

    /** The features to offer a guest whose wired port can give it these frames. */
    static long guestFeatures(int set) {
        long features = 0;
        for (int i = 0; i < BITS.length; i++) {
            features |= (set & BITS[i]) != 0 ? GUEST[i] : 0;
        }
        return features;
    }

    /** The features to offer a guest whose wired port takes these frames. */
    static long hostFeatures(int set) {
        long features = 0;
        for (int i = 0; i < BITS.length; i++) {
            features |= (set & BITS[i]) != 0 ? HOST[i] : 0;
        }
        boolean uso = (set & (USO4 | USO6)) == (USO4 | USO6);
        return uso ? features : features & ~Features.HOST_USO;
    }

    /** The GSO type of a header that begins with these 8 bytes, {@link VirtioNetHeader#GSO_ECN} left out. */
    static int gsoType(long header) {
        return (int) (header >>> (8 * VirtioNetHeader.GSO_TYPE_OFFSET)) & 0xff & ~VirtioNetHeader.GSO_ECN;
    }

    /**
     * Why a frame from a guest may go to no other, or null when it may.
     *
     * @param header     the first 8 bytes of its virtio-net header, which {@link #asked} for something
     * @param csumOffset the {@code csum_offset} there
     * @param length     its bytes, virtio-net header included
     */
    static @Nullable DropReason refusal(long header, int csumOffset, int length, long senderFeatures) {
        int asked = askedOf(header);
        if (asked == UNKNOWN || (asked & ~takenFromGuest(senderFeatures)) != 0) {
            return DropReason.OFFLOAD_NOT_NEGOTIATED;
        }
        return Requests.fit(header, csumOffset, length) ? null : DropReason.MALFORMED_OFFLOAD;
    }

    /** Whether a guest takes a frame whose header begins with these 8 bytes, as it is. */
    static boolean accepted(long header, long receiverFeatures) {
        return (askedOf(header) & ~takenByGuest(receiverFeatures)) == 0;
    }

    /** What a header that begins with these 8 bytes asks of the receiver. */
    private static int askedOf(long header) {
        int asked = (header & VirtioNetHeader.NEEDS_CSUM) != 0 ? CSUM : NONE;
        asked |= (header & ECN_BIT) != 0 ? ECN : NONE;
        return switch (gsoType(header)) {
            case VirtioNetHeader.GSO_NONE -> asked;
            case VirtioNetHeader.GSO_TCPV4 -> asked | TSO4;
            case VirtioNetHeader.GSO_TCPV6 -> asked | TSO6;
            // The type does not tell the version of IP.
            case VirtioNetHeader.GSO_UDP_L4 -> asked | USO4 | USO6;
            default -> UNKNOWN;
        };
    }

    /** What a guest may ask for that acked these features. */
    private static int takenFromGuest(long features) {
        int set = NONE;
        for (int i = 0; i < BITS.length; i++) {
            set |= (features & HOST[i]) != 0 ? BITS[i] : 0;
        }
        return set;
    }
}
