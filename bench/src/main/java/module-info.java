/** JMH benchmarks and side-by-side comparisons. */
module dev.baton.bench {
    requires dev.baton.datapath;
    requires jmh.core;
    requires static org.jspecify;
}
