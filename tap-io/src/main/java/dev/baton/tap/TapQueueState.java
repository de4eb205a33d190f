package dev.baton.tap;

import dev.baton.ffi.Fd;

/**
 * What one queue of a TAP device is, for somebody who takes it over. The fields, and their order, are those of the
 * {@code net-tap} state in the series that Baton descends from. Untrusted until {@link TapDevice#restore} has compared
 * it with the kernel.
 *
 * @param fd the queue itself, frames that wait in it included; borrowed from the device in {@link TapDevice#state()}
 * @param usingVnetHdr whether each frame begins with a virtio-net header, which Baton's always do
 * @param hasUfo whether the kernel takes TUN_F_UFO, as far as that was tried
 * @param hasUso whether it takes TUN_F_USO4 and TUN_F_USO6
 * @param hasTunnel whether it takes TUN_F_UDP_TUNNEL_GSO
 * @param enabled whether the queue is attached: the kernel steers frames into it
 * @param hostVnetHdrLen bytes of that header, {@value TapDevice#HEADER_BYTES}
 */
public record TapQueueState(Fd fd, boolean usingVnetHdr, boolean hasUfo, boolean hasUso, boolean hasTunnel,
    boolean enabled, int hostVnetHdrLen) {
}
