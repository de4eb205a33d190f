/** Multiqueue TAP devices, their queues and offloads. */
module dev.baton.tap {
    requires transitive dev.baton.ffi;
    requires static org.jspecify;

    exports dev.baton.tap;
}
