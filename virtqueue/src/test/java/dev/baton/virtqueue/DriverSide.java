package dev.baton.virtqueue;

/** What the contract suite needs of a driver, whatever the format of its ring. */
interface DriverSide {
    int addReadable(long[] addresses, int[] lengths, int count);

    int addWritable(long[] addresses, int[] lengths, int count);

    boolean publish();

    int pollUsed();

    int usedBytes();

    boolean enableNotifications();

    void disableNotifications();

    int freeDescriptors();

    int inFlight();
}
