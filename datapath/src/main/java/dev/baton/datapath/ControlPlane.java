package dev.baton.datapath;

/**
 * What a program lets others ask of its datapath. It stands still while the datapath is about to change its owner, so
 * that nobody asks an owner that is going, and whoever comes meanwhile is served by the next one.
 */
public interface ControlPlane {
    /** Nothing can be asked. */
    ControlPlane NONE = new ControlPlane() { };

    /** Answers what it has begun to answer, and then nothing more. */
    default void freeze() {
    }

    /** The other side: from now on, until the handover fails, the datapath may be this process's. */
    default void taking() {
    }

    /** The handover failed: goes on. Called by the thread that froze it. */
    default void thaw() {
    }
}
