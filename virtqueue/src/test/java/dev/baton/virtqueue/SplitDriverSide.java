package dev.baton.virtqueue;

/** The split ring's driver for the contract suite. */
record SplitDriverSide(SplitVirtqueueDriver driver) implements DriverSide {

    @Override
    public int addReadable(long[] addresses, int[] lengths, int count) {
        return driver.addReadable(addresses, lengths, count);
    }

    @Override
    public int addWritable(long[] addresses, int[] lengths, int count) {
        return driver.addWritable(addresses, lengths, count);
    }

    @Override
    public boolean publish() {
        return driver.publish();
    }

    @Override
    public int pollUsed() {
        return driver.pollUsed();
    }

    @Override
    public int usedBytes() {
        return driver.usedBytes();
    }

    @Override
    public boolean enableNotifications() {
        return driver.enableNotifications();
    }

    @Override
    public void disableNotifications() {
        driver.disableNotifications();
    }

    @Override
    public int freeDescriptors() {
        return driver.freeDescriptors();
    }

    @Override
    public int inFlight() {
        return driver.inFlight();
    }
}
