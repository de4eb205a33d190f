package dev.baton.datapath;

import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.TunTap;
import dev.baton.tap.MacAddress;
import dev.baton.tap.TapDevice;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;

/** What the kernel says of a TAP and of each of its queues: all that a handover must leave alone. */
record TapKernelState(List<TunTap.Iff> queues, List<Integer> statusFlags, int headerBytes, boolean littleEndian,
                      int mtu, MacAddress mac, boolean up, int index) {
    static TapKernelState of(Datapath owner, String port) {
        return of(Objects.requireNonNull(((TapPort) Objects.requireNonNull(owner.port(port))).deviceIfPresent()));
    }

    static TapKernelState of(TapDevice device) {
        List<Fd> fds = IntStream.range(0, device.queueCount()).mapToObj(i -> device.queue(i).fd()).toList();
        return new TapKernelState(fds.stream().map(TunTap::getIff).toList(),
            fds.stream().map(FileIo::statusFlags).toList(), device.headerBytes(),
            TunTap.isVnetLittleEndian(fds.getFirst()), device.mtu(), device.mac(), device.isUp(),
            device.interfaceIndex());
    }
}
