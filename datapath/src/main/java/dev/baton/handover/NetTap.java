package dev.baton.handover;

import dev.baton.ffi.Fd;
import dev.baton.ffi.TunTap;
import dev.baton.handover.sbe.MessageHeaderDecoder;
import dev.baton.handover.sbe.NetTapDecoder;
import dev.baton.handover.sbe.NetTapDeviceDecoder;
import dev.baton.handover.sbe.NetTapDeviceEncoder;
import dev.baton.handover.sbe.NetTapEncoder;
import dev.baton.tap.TapQueueState;
import dev.baton.tap.TapState;
import java.util.ArrayList;
import java.util.List;

/**
 * The state of a TAP device as the opaque state of a back end: {@code net-tap} of the series that Baton descends from,
 * for every queue pair. The queue's descriptor is the one descriptor of the blob; {@code has_tunnel}, which is missing
 * in schema version 0, reads as false there.
 */
public final class NetTap {
    /** The kind of back end whose state this is. */
    public static final String KIND = "tap";

    private static final int MAX_HEADER_BYTES = 255;

    private NetTap() {
    }

    /**
     * The state of a device, its descriptors still owned by the device.
     *
     * @param schemaVersion version that the peer reads, see {@link HandoverChannel#schemaVersion()}
     */
    public static BackendBlob encode(TapState state, int schemaVersion) {
        BodyWriter body = new BodyWriter();
        NetTapDeviceEncoder device = new NetTapDeviceEncoder().wrap(body.begin(NetTapDeviceEncoder.TEMPLATE_ID,
            schemaVersion, NetTapDeviceEncoder.BLOCK_LENGTH), BodyWriter.START);
        // What a version has no field for, its peer does not hear of: the two must agree.
        int known = schemaVersion >= NetTapEncoder.hasTunnelSinceVersion() ? ~0 : ~TunTap.TUN_F_UDP_TUNNEL_GSO;
        device.probedOffloads(state.probedOffloads() & known).offloads(state.offloads());
        return new BackendBlob(state.queues().stream().map(queue -> encode(queue, schemaVersion)).toList(),
            body.body(device.limit()));
    }

    /** The state of one queue. */
    public static QueuePairBlob encode(TapQueueState queue, int schemaVersion) {
        BodyWriter body = new BodyWriter();
        NetTapEncoder message = new NetTapEncoder().wrap(
            body.begin(NetTapEncoder.TEMPLATE_ID, schemaVersion, blockLength(schemaVersion)), BodyWriter.START);
        message.usingVnetHdr(BodyWriter.flag(queue.usingVnetHdr())).hasUfo(BodyWriter.flag(queue.hasUfo()))
            .hasUso(BodyWriter.flag(queue.hasUso())).enabled(BodyWriter.flag(queue.enabled()))
            .hostVnetHdrLen(queue.hostVnetHdrLen());
        if (schemaVersion >= NetTapEncoder.hasTunnelSinceVersion()) {
            message.hasTunnel(BodyWriter.flag(queue.hasTunnel()));
        }
        return new QueuePairBlob(body.body(BodyWriter.START + blockLength(schemaVersion)), List.of(queue.fd()));
    }

    /**
     * The state of a device.
     *
     * @param port name of the port, for errors
     * @param blob as it was received; its descriptors become the state's
     * @throws HandoverException it is none; its descriptors are left as they are
     */
    public static TapState decode(String port, BackendBlob blob) throws HandoverException {
        List<TapQueueState> queues = new ArrayList<>();
        for (QueuePairBlob pair : blob.queuePairs()) {
            queues.add(decode(port, pair));
        }
        return decoded(port, blob.device(), body -> {
            NetTapDeviceDecoder device = new NetTapDeviceDecoder().wrap(
                body.begin(NetTapDeviceDecoder.TEMPLATE_ID, NetTapDeviceDecoder.BLOCK_LENGTH), BodyWriter.START,
                NetTapDeviceDecoder.BLOCK_LENGTH, body.version());
            body.end(device.limit());
            return new TapState(queues, device.probedOffloads(), device.offloads());
        });
    }

    /** The state of one queue. */
    public static TapQueueState decode(String port, QueuePairBlob blob) throws HandoverException {
        if (blob.descriptors().size() != 1) {
            throw new HandoverException(label(port), HandoverError.DESCRIPTOR_COUNT,
                "a queue has one descriptor, not " + blob.descriptors().size());
        }
        Fd fd = blob.descriptors().getFirst();
        int version = versionOf(blob.bytes());
        return decoded(port, blob.bytes(), body -> queue(body, version, fd));
    }

    private static TapQueueState queue(BodyReader body, int version, Fd fd) throws HandoverException {
        int length = blockLength(version);
        NetTapDecoder message = new NetTapDecoder().wrap(
            body.begin(NetTapDecoder.TEMPLATE_ID, length), BodyWriter.START, length, version);
        boolean tunnel = version >= NetTapDecoder.hasTunnelSinceVersion()
            && body.flag("has_tunnel", message.hasTunnelRaw());
        TapQueueState state = new TapQueueState(fd, body.flag("using_vnet_hdr", message.usingVnetHdrRaw()),
            body.flag("has_ufo", message.hasUfoRaw()), body.flag("has_uso", message.hasUsoRaw()), tunnel,
            body.flag("enabled", message.enabledRaw()),
            body.number("host_vnet_hdr_len", message.hostVnetHdrLen(), 0, MAX_HEADER_BYTES));
        body.end(message.limit());
        return state;
    }

    private static <T> T decoded(String port, byte[] bytes, BodyReader.Decoder<T> decoder) throws HandoverException {
        int version = versionOf(bytes);
        if (version > BodyWriter.SCHEMA_VERSION) {
            throw new HandoverException(label(port), HandoverError.UNKNOWN_VERSION,
                "it is in schema version " + version + ", and " + BodyWriter.SCHEMA_VERSION + " is the newest here");
        }
        Received content = new Received(Section.BACK_END, version, bytes, List.of());
        content.name(port + " net-tap");
        return BodyReader.decode(content, decoder);
    }

    private static String label(String port) {
        return Section.BACK_END.label() + " " + port + " net-tap";
    }

    private static int versionOf(byte[] bytes) {
        return bytes.length < MessageHeaderDecoder.ENCODED_LENGTH ? 0 : BodyReader.versionOf(bytes);
    }

    private static int blockLength(int schemaVersion) {
        return schemaVersion >= NetTapEncoder.hasTunnelSinceVersion()
            ? NetTapEncoder.BLOCK_LENGTH : NetTapEncoder.hasTunnelEncodingOffset();
    }
}
