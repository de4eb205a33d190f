package dev.baton.ffi;

/**
 * Who is at the other end of a UNIX socket, as the kernel noted it when the connection was made; see unix(7).
 *
 * @param pid process
 * @param uid effective user
 * @param gid effective group
 */
public record PeerCredentials(int pid, int uid, int gid) {
}
