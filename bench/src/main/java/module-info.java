/** JMH benchmarks and side-by-side comparisons. */
module dev.baton.bench {
    requires dev.baton.datapath;
    requires dev.baton.ffi;
    requires dev.baton.tap;
    requires dev.baton.tools;
    requires dev.baton.virtqueue;
    requires info.picocli;
    requires HdrHistogram;
    requires jmh.core;
    requires static org.jspecify;

    opens dev.baton.bench.compare to info.picocli;
    opens dev.baton.bench.handover to info.picocli;
    opens dev.baton.bench.soak to info.picocli;
}
