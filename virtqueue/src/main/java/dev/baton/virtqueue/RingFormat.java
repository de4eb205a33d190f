package dev.baton.virtqueue;

/** The two formats of a virtqueue, and what its three parts are in each. */
public enum RingFormat {
    /** Descriptor table, available ring, used ring (virtio 1.2, 2.7). */
    SPLIT("descriptor table", "available ring", 2, "used ring", 4) {
        @Override
        public void checkSize(int size) {
            if (size < 1 || size > MAX_SIZE || Integer.bitCount(size) != 1) {
                throw new IllegalArgumentException("queue size " + size + " is no power of two in 1.." + MAX_SIZE);
            }
        }

        @Override
        public long driverAreaBytes(int size) {
            return VirtqueueLayout.availableRingBytes(size);
        }

        @Override
        public long deviceAreaBytes(int size) {
            return VirtqueueLayout.usedRingBytes(size);
        }
    },

    /** Descriptor ring, and for each side a structure of 4 bytes for event suppression (virtio 1.2, 2.8). */
    PACKED("descriptor ring", "driver event suppression", 4, "device event suppression", 4) {
        @Override
        public void checkSize(int size) {
            if (size < 1 || size > MAX_SIZE) {
                throw new IllegalArgumentException("queue size " + size + " is not in 1.." + MAX_SIZE);
            }
        }

        @Override
        public long driverAreaBytes(int size) {
            return EVENT_BYTES;
        }

        @Override
        public long deviceAreaBytes(int size) {
            return EVENT_BYTES;
        }
    };

    /** The largest queue of either format: an index has 16 bits, a packed one's 15 and a wrap counter. */
    public static final int MAX_SIZE = 32768;

    private static final int EVENT_BYTES = 4;

    private final String descriptorArea;
    private final String driverArea;
    private final int driverAlignment;
    private final String deviceArea;
    private final int deviceAlignment;

    RingFormat(String descriptorArea, String driverArea, int driverAlignment, String deviceArea, int deviceAlignment) {
        this.descriptorArea = descriptorArea;
        this.driverArea = driverArea;
        this.driverAlignment = driverAlignment;
        this.deviceArea = deviceArea;
        this.deviceAlignment = deviceAlignment;
    }

    /** The format that these features decide. */
    public static RingFormat of(long features) {
        return (features & Features.RING_PACKED) != 0 ? PACKED : SPLIT;
    }

    /**
     * Checks a queue size.
     *
     * @throws IllegalArgumentException unless this format allows it
     */
    public abstract void checkSize(int size);

    /** Bytes of the descriptor area. */
    public final long descriptorAreaBytes(int size) {
        return VirtqueueLayout.descriptorTableBytes(size);
    }

    /** Bytes of the driver area. */
    public abstract long driverAreaBytes(int size);

    /** Bytes of the device area. */
    public abstract long deviceAreaBytes(int size);

    /** What the descriptor area is called in this format. */
    public final String descriptorArea() {
        return descriptorArea;
    }

    /** What the driver area is called in this format. */
    public final String driverArea() {
        return driverArea;
    }

    /** What the device area is called in this format. */
    public final String deviceArea() {
        return deviceArea;
    }

    final void checkPlaces(long descriptorAddress, long driverAddress, long deviceAddress) {
        checkPart(descriptorArea, descriptorAddress, VirtqueueLayout.DESCRIPTOR_BYTES);
        checkPart(driverArea, driverAddress, driverAlignment);
        checkPart(deviceArea, deviceAddress, deviceAlignment);
    }

    private static void checkPart(String name, long address, int alignment) {
        if (address == 0) {
            throw new IllegalArgumentException(name + " has no address");
        }
        if ((address & (alignment - 1)) != 0) {
            throw new IllegalArgumentException(
                name + " at 0x" + Long.toHexString(address) + " is not aligned to " + alignment);
        }
    }
}
