package dev.baton.bench.guest;

import org.jspecify.annotations.Nullable;

/** Sends into a TAP from the kernel's side, and receives what a guest gets of it, if there is a guest. */
final class Stream implements Load {
    private final DatagramSender sender;
    private final @Nullable GuestNic nic;
    private long sent;
    private long received;

    Stream(DatagramSender sender, @Nullable GuestNic nic) {
        this.sender = sender;
        this.nic = nic;
    }

    @Override
    public void step() {
        sent += sender.send();
        if (nic != null) {
            received += nic.receive();
        }
    }

    @Override
    public String report() {
        return "received " + received + " of " + sent;
    }

    @Override
    public void close() {
        sender.close();
        if (nic != null) {
            nic.close();
        }
    }
}
