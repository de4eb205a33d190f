package dev.baton.handover;

import dev.baton.ffi.Fd;
import dev.baton.handover.sbe.FrontEndPortDecoder;
import dev.baton.handover.sbe.FrontEndPortEncoder;
import dev.baton.vhostuser.InflightState;
import dev.baton.vhostuser.LogState;
import dev.baton.vhostuser.RegionState;
import dev.baton.vhostuser.RingAddresses;
import dev.baton.vhostuser.RingState;
import dev.baton.vhostuser.SessionState;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The session in the section FRONT_END. Only what the record itself needs is checked here: whether a session can be
 * like this is said by who restores it.
 */
final class SessionCodec {
    static final int MAX_PARTIAL_BYTES = 1 << 16;

    private static final int MAX_REGIONS = 1024;
    private static final int MAX_RING_SIZE = 32_768;
    private static final int MAX_PARTIAL_DESCRIPTORS = 253;
    private static final int MAX_STATUS = 255;

    private SessionCodec() {
    }

    /** The fields of the block; zeros where there is no session. */
    static void writeBlock(FrontEndPortEncoder message, @Nullable SessionState session) {
        message.features(session == null ? 0 : session.features())
            .protocolFeatures(session == null ? 0 : session.protocolFeatures())
            .status(session == null ? 0 : session.status());
    }

    /** The fields of version 2. */
    static void writeLog(FrontEndPortEncoder message, BodyWriter body, @Nullable SessionState session) {
        LogState log = session == null ? null : session.log();
        message.log(body.descriptor(log == null ? null : log.file()))
            .logBytes(log == null ? 0 : log.sizeBytes()).logOffset(log == null ? 0 : log.fileOffset());
    }

    private static @Nullable LogState log(BodyReader body, FrontEndPortDecoder message) throws HandoverException {
        if (body.version() < FrontEndPortDecoder.logSinceVersion()) {
            return null;
        }
        Fd file = body.optional(message.log(), DescriptorKind.FILE, "dirty log");
        return file == null ? null : new LogState(message.logBytes(), message.logOffset(), file);
    }

    /** The fields of version 3. */
    static void writeInflight(FrontEndPortEncoder message, BodyWriter body, @Nullable SessionState session) {
        InflightState region = session == null ? null : session.inflight();
        message.inflight(body.descriptor(region == null ? null : region.file()))
            .inflightBytes(region == null ? 0 : region.sizeBytes())
            .inflightOffset(region == null ? 0 : region.fileOffset())
            .inflightQueues(region == null ? 0 : region.queues())
            .inflightQueueSize(region == null ? 0 : region.queueSize());
    }

    private static @Nullable InflightState inflight(BodyReader body, FrontEndPortDecoder message)
        throws HandoverException {
        if (body.version() < FrontEndPortDecoder.inflightSinceVersion()) {
            return null;
        }
        Fd file = body.optional(message.inflight(), DescriptorKind.FILE, "inflight region");
        return file == null ? null : new InflightState(message.inflightBytes(), message.inflightOffset(),
            message.inflightQueues(), message.inflightQueueSize(), file);
    }

    static void writeGroups(FrontEndPortEncoder message, BodyWriter body, @Nullable SessionState session) {
        List<RegionState> regionStates = session == null ? List.of() : session.regions();
        FrontEndPortEncoder.RegionsEncoder regions = message.regionsCount(regionStates.size());
        for (RegionState region : regionStates) {
            regions.next().guestAddress(region.guestAddress()).sizeBytes(region.sizeBytes())
                .userAddress(region.userAddress()).fileOffset(region.fileOffset())
                .file(body.descriptor(region.file()));
        }
        List<RingState> ringStates = session == null ? List.of() : session.rings();
        FrontEndPortEncoder.RingsEncoder rings = message.ringsCount(ringStates.size());
        for (RingState ring : ringStates) {
            write(rings.next(), body, ring);
        }
        List<Fd> partial = session == null ? List.of() : session.partialDescriptors();
        FrontEndPortEncoder.PartialDescriptorsEncoder descriptors = message.partialDescriptorsCount(partial.size());
        for (Fd fd : partial) {
            descriptors.next().descriptor(body.descriptor(fd));
        }
    }

    private static void write(FrontEndPortEncoder.RingsEncoder entry, BodyWriter body, RingState ring) {
        RingAddresses addresses = ring.addresses();
        entry.size(ring.size()).ringBase(ring.base()).hasAddresses(BodyWriter.flag(addresses != null))
            .kicked(BodyWriter.flag(ring.kicked())).running(BodyWriter.flag(ring.running()))
            .enabled(BodyWriter.flag(ring.enabled()))
            .descriptorTable(addresses == null ? 0 : addresses.descriptorTable())
            .usedRing(addresses == null ? 0 : addresses.usedRing())
            .availableRing(addresses == null ? 0 : addresses.availableRing())
            .kick(body.descriptor(ring.kick())).call(body.descriptor(ring.call())).err(body.descriptor(ring.err()));
    }

    /** What stands in the groups, and what the front end has lent besides. */
    record Groups(@Nullable LogState log, @Nullable InflightState inflight, List<RegionState> regions,
        List<RingState> rings, List<Fd> partialDescriptors) {

        boolean isEmpty() {
            return log == null && inflight == null && regions.isEmpty() && rings.isEmpty()
                && partialDescriptors.isEmpty();
        }

        SessionState session(BodyReader body, FrontEndPortDecoder message, byte[] partial) throws HandoverException {
            return new SessionState(message.features(), message.protocolFeatures(),
                body.number("status", message.status(), 0, MAX_STATUS), regions, log, inflight, rings,
                partial, partialDescriptors);
        }
    }

    static Groups readGroups(BodyReader body, FrontEndPortDecoder message, int queuePairs) throws HandoverException {
        LogState log = log(body, message);
        InflightState inflight = inflight(body, message);
        return new Groups(log, inflight, regions(body, message.regions()),
            rings(body, message.rings(), queuePairs), partialDescriptors(body, message.partialDescriptors()));
    }

    private static List<RegionState> regions(BodyReader body, FrontEndPortDecoder.RegionsDecoder group)
        throws HandoverException {
        int count = body.count("memory regions", group.count(), MAX_REGIONS, group.actingBlockLength(),
            FrontEndPortDecoder.RegionsDecoder.sbeBlockLength());
        List<RegionState> regions = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            group.next();
            regions.add(new RegionState(group.guestAddress(), group.sizeBytes(), group.userAddress(),
                group.fileOffset(), body.descriptor(group.file(), DescriptorKind.FILE, "memory region " + i)));
        }
        return regions;
    }

    private static List<RingState> rings(BodyReader body, FrontEndPortDecoder.RingsDecoder group, int queuePairs)
        throws HandoverException {
        int count = body.count("rings", group.count(), 2 * queuePairs, group.actingBlockLength(),
            FrontEndPortDecoder.RingsDecoder.sbeBlockLength());
        List<RingState> rings = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            rings.add(ring(body, group.next(), i));
        }
        return rings;
    }

    private static RingState ring(BodyReader body, FrontEndPortDecoder.RingsDecoder entry, int index)
        throws HandoverException {
        String ring = "ring " + index;
        boolean hasAddresses = body.flag("addresses of " + ring, entry.hasAddressesRaw());
        RingAddresses addresses = hasAddresses
            ? new RingAddresses(entry.descriptorTable(), entry.usedRing(), entry.availableRing()) : null;
        return new RingState(body.number("size of " + ring, entry.size(), 0, MAX_RING_SIZE), entry.ringBase(),
            addresses, body.flag("kicked of " + ring, entry.kickedRaw()),
            body.flag("running of " + ring, entry.runningRaw()), body.flag("enabled of " + ring, entry.enabledRaw()),
            body.optional(entry.kick(), DescriptorKind.EVENTFD, "kick of " + ring),
            body.optional(entry.call(), DescriptorKind.EVENTFD, "call of " + ring),
            body.optional(entry.err(), DescriptorKind.EVENTFD, "err of " + ring));
    }

    private static List<Fd> partialDescriptors(BodyReader body, FrontEndPortDecoder.PartialDescriptorsDecoder group)
        throws HandoverException {
        int count = body.count("descriptors of the beginning of a message", group.count(), MAX_PARTIAL_DESCRIPTORS,
            group.actingBlockLength(), FrontEndPortDecoder.PartialDescriptorsDecoder.sbeBlockLength());
        List<Fd> descriptors = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            descriptors.add(body.descriptor(group.next().descriptor(), DescriptorKind.ANY,
                "of the beginning of a message"));
        }
        return descriptors;
    }
}
