/** Guest memory, virtqueues and the virtio-net header; the vhost-user protocol over them. */
module dev.baton.virtqueue {
    requires transitive dev.baton.ffi;
    requires static org.jspecify;

    exports dev.baton.virtqueue;
    exports dev.baton.vhostuser;
}
