/** Ports, wires and the duty cycle: the engine to embed. */
module dev.baton.datapath {
    requires transitive dev.baton.virtqueue;
    requires transitive dev.baton.tap;
    requires transitive org.agrona;
    requires org.jctools.core.jdk11;
    requires static org.jspecify;

    exports dev.baton.datapath;
    exports dev.baton.handover;
}
