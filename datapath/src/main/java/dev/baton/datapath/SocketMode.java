package dev.baton.datapath;

/** Which side of a vhost-user socket listens; independent of who is the front-end. */
public enum SocketMode {
    /** Baton listens, the front-end connects. */
    SERVER,
    /** The front-end listens, Baton connects, and connects again when the front-end went away. */
    CLIENT
}
