package dev.baton.handover;

import dev.baton.ffi.Fd;
import dev.baton.handover.sbe.DatapathDecoder;
import dev.baton.handover.sbe.DatapathEncoder;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** The section DATAPATH. */
final class DatapathCodec {
    private static final int MAX_AGENTS = 1024;
    private static final int MAX_CPU = 65_535;
    private static final int MAX_ATTACHMENTS = 256;

    private DatapathCodec() {
    }

    static void send(HandoverChannel channel, DatapathState state) throws HandoverException {
        BodyWriter body = new BodyWriter();
        int version = channel.versionOf(Section.DATAPATH);
        int block = blockLength(version);
        DatapathEncoder message = new DatapathEncoder().wrap(
            body.begin(DatapathEncoder.TEMPLATE_ID, version, block), BodyWriter.START);
        // The encoder believes in the newest version, and would put the groups behind a block of that.
        message.limit(BodyWriter.START + block);
        message.pid(state.pid()).busy(BodyWriter.flag(state.busy()))
            .backendTransfer(BodyWriter.flag(state.backendTransfer()))
            .baton(body.descriptor(state.baton())).counters(body.descriptor(state.counters()));
        if (version >= DatapathEncoder.pidNamespaceSinceVersion()) {
            message.pidNamespace(state.pidNamespace());
        }
        DatapathEncoder.CpusEncoder cpus = message.cpusCount(state.cpus().size());
        for (int cpu : state.cpus()) {
            cpus.next().cpu(cpu);
        }
        DatapathEncoder.AttachmentsEncoder attachments = message.attachmentsCount(state.attachments().size());
        for (Attachment attachment : state.attachments()) {
            attachments.next().descriptor(body.descriptor(attachment.fd())).name(attachment.name())
                .text(attachment.text());
        }
        message.versionText(state.version());
        channel.send(Section.DATAPATH, Section.DATAPATH.label(), body.body(message.limit()), body.descriptors());
    }

    static DatapathState decode(Received received) throws HandoverException {
        return BodyReader.decode(received, DatapathCodec::read);
    }

    private static DatapathState read(BodyReader body) throws HandoverException {
        int block = blockLength(body.announcedVersion());
        DatapathDecoder message = new DatapathDecoder().wrap(
            body.begin(DatapathDecoder.TEMPLATE_ID, block), BodyWriter.START, block, body.version());
        int pid = body.number("pid", message.pid(), 0, Integer.MAX_VALUE);
        boolean busy = body.flag("busy", message.busyRaw());
        boolean transfer = body.flag("backend-transfer", message.backendTransferRaw());
        Fd baton = body.descriptor(message.baton(), DescriptorKind.FILE, "baton");
        Fd counters = body.descriptor(message.counters(), DescriptorKind.FILE, "counters");
        long pidNamespace = message.actingVersion() < DatapathDecoder.pidNamespaceSinceVersion()
            ? 0 : message.pidNamespace();
        List<Integer> cpus = cpus(body, message.cpus());
        List<Attachment> attachments = attachments(body, message.attachments());
        String version = body.text("version", message.versionTextLength(), message::getVersionText);
        body.end(message.limit());
        return new DatapathState(version, pid, pidNamespace, cpus, busy, transfer, baton, counters, attachments);
    }

    private static int blockLength(int version) {
        return version < DatapathEncoder.pidNamespaceSinceVersion()
            ? DatapathEncoder.pidNamespaceEncodingOffset() : DatapathEncoder.BLOCK_LENGTH;
    }

    private static List<Integer> cpus(BodyReader body, DatapathDecoder.CpusDecoder group) throws HandoverException {
        int count = body.count("agents", group.count(), MAX_AGENTS, group.actingBlockLength(),
            DatapathDecoder.CpusDecoder.sbeBlockLength());
        List<Integer> cpus = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            cpus.add(body.number("CPU of agent " + i, group.next().cpu(), -1, MAX_CPU));
        }
        return cpus;
    }

    private static List<Attachment> attachments(BodyReader body, DatapathDecoder.AttachmentsDecoder group)
        throws HandoverException {
        int count = body.count("attachments", group.count(), MAX_ATTACHMENTS, group.actingBlockLength(),
            DatapathDecoder.AttachmentsDecoder.sbeBlockLength());
        List<Attachment> attachments = new ArrayList<>();
        Set<String> names = new HashSet<>();
        for (int i = 0; i < count; i++) {
            int descriptor = group.next().descriptor();
            String name = body.name("name of attachment " + i, group.nameLength(), group::getName);
            String text = body.text("text of attachment " + name, group.textLength(), group::getText);
            if (!names.add(name)) {
                throw body.malformed("two attachments have the name " + name);
            }
            attachments.add(new Attachment(name, text,
                body.descriptor(descriptor, DescriptorKind.ANY, "attachment " + name)));
        }
        return attachments;
    }
}
