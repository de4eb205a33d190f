package dev.baton.tools.options;

import dev.baton.datapath.ByteSize;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** A port that the user asks for. */
public sealed interface PortSpec {
    /**
     * The name of the port.
     *
     * @return its name, unique among the ports
     */
    String name();

    /**
     * The port as it would be written as an option, every default spelled out.
     *
     * @return the option's value
     */
    String describe();

    /**
     * A vhost-user port.
     *
     * @param name       the name of the port
     * @param path       the UNIX socket
     * @param listen     true: Baton listens ({@code mode=server}); false: Baton connects
     * @param queuePairs how many queue pairs it offers
     * @param offloads   whether checksum and segmentation offloads are offered
     * @param memoryLimitBytes how much memory its front-end may have mapped, bytes
     * @param coalescing whether frames in a row of one flow may go to the guest as one
     * @param backendTransfer whether the state of the back end goes to the next owner; null: as the profile has it
     */
    record VhostUser(String name, Path path, boolean listen, int queuePairs, boolean offloads,
            long memoryLimitBytes, boolean coalescing, @Nullable Boolean backendTransfer) implements PortSpec {
        @Override
        public String describe() {
            return "vhost-user:" + name + ",path=" + path + ",mode=" + (listen ? "server" : "client")
                    + ",queues=" + queuePairs + ",offloads=" + onOff(offloads)
                    + ",memory-limit=" + ByteSize.text(memoryLimitBytes) + ",coalesce=" + onOff(coalescing)
                    + (backendTransfer == null ? "" : ",backend-transfer=" + onOff(backendTransfer));
        }
    }

    /**
     * A TAP port.
     *
     * @param name       the name of the port
     * @param ifname     the name of the network interface
     * @param queuePairs how many TAP queues it has
     * @param netns      the network namespace, by name or path; null for Baton's own
     * @param persistent whether the interface stays when Baton ends
     * @param coalescing whether frames in a row of one flow may go to the kernel as one
     * @param ioUring    whether many frames go in one call where the kernel has io_uring
     */
    record Tap(String name, String ifname, int queuePairs, @Nullable String netns, boolean persistent,
            boolean coalescing, boolean ioUring) implements PortSpec {
        @Override
        public String describe() {
            return "tap:" + name + ",ifname=" + ifname + ",queues=" + queuePairs
                    + (netns == null ? "" : ",netns=" + netns) + ",persistent=" + onOff(persistent)
                    + ",coalesce=" + onOff(coalescing) + ",io=" + (ioUring ? "auto" : "plain");
        }
    }

    /**
     * A port that gives every frame back.
     *
     * @param name       the name of the port
     * @param queuePairs how many queue pairs it has
     */
    record Loopback(String name, int queuePairs) implements PortSpec {
        @Override
        public String describe() {
            return "loopback:" + name + ",queues=" + queuePairs;
        }
    }

    /**
     * A port that counts and drops every frame, and sends frames if it is told to.
     *
     * @param name       the name of the port
     * @param queuePairs how many queue pairs it has
     * @param frameBytes the length of the frames that it sends, 0 for none
     */
    record Null(String name, int queuePairs, int frameBytes) implements PortSpec {
        @Override
        public String describe() {
            return "null:" + name + ",queues=" + queuePairs + ",send=" + (frameBytes == 0 ? "off" : frameBytes);
        }
    }

    private static String onOff(boolean value) {
        return value ? "on" : "off";
    }
}
