package dev.baton.handover;

import dev.baton.ffi.Fd;
import dev.baton.ffi.SyscallException;
import java.util.BitSet;
import java.util.List;

/**
 * A section that came whole. It owns its descriptors: they are claimed one by one, and pass to whoever claimed them
 * all at once, when nothing can fail any more. Until then {@link #close()} closes every one of them.
 */
public final class Received implements AutoCloseable {
    private final Section section;
    private final int schemaVersion;
    private final byte[] body;
    private final List<Fd> descriptors;
    private final BitSet claimed = new BitSet();
    private String label;
    private boolean handedOver;

    Received(Section section, int schemaVersion, byte[] body, List<Fd> descriptors) {
        this.section = section;
        this.schemaVersion = schemaVersion;
        this.body = body;
        this.descriptors = descriptors;
        this.label = section.label();
    }

    /** Which section it is. */
    public Section section() {
        return section;
    }

    /** How many descriptors came with it. */
    public int descriptorCount() {
        return descriptors.size();
    }

    int schemaVersion() {
        return schemaVersion;
    }

    byte[] body() {
        return body;
    }

    /** The section with the name of its port, for errors. */
    String label() {
        return label;
    }

    void name(String portName) {
        label = section.label() + " " + portName;
    }

    /** The descriptor at an index, which nobody else may claim; still owned by the section. */
    Fd claim(int index, DescriptorKind kind, String role) throws HandoverException {
        if (index < 0 || index >= descriptors.size()) {
            throw error(HandoverError.DESCRIPTOR_COUNT,
                "descriptor " + index + " (" + role + ") is none of the " + descriptors.size() + " that came");
        }
        if (claimed.get(index)) {
            throw error(HandoverError.DESCRIPTOR_COUNT,
                "descriptor " + index + " (" + role + ") is claimed for the second time");
        }
        claimed.set(index);
        Fd fd = descriptors.get(index);
        try {
            if (!kind.matches(fd)) {
                throw error(HandoverError.DESCRIPTOR_KIND,
                    "descriptor " + index + " (" + role + ") is no " + kind.noun());
            }
        } catch (SyscallException e) {
            throw new HandoverException(label, HandoverError.DESCRIPTOR_KIND,
                "descriptor " + index + " (" + role + "): " + e.getMessage(), e);
        }
        return fd;
    }

    /** Passes every descriptor to those who claimed it; one that nobody claimed is an error. */
    void handOver() throws HandoverException {
        int unclaimed = claimed.nextClearBit(0);
        if (unclaimed < descriptors.size()) {
            throw error(HandoverError.DESCRIPTOR_COUNT, "descriptor " + unclaimed + " was never claimed, nor were "
                + (descriptors.size() - claimed.cardinality() - 1) + " others");
        }
        handedOver = true;
    }

    HandoverException error(HandoverError kind, String reason) {
        return new HandoverException(label, kind, reason);
    }

    /** Closes the descriptors, unless they were handed over. */
    @Override
    public void close() {
        if (!handedOver) {
            descriptors.forEach(Fd::close);
        }
    }
}
