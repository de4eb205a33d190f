/** The {@code baton} command. What it makes traffic with is also for the benchmarks, and for nobody else. */
@SuppressWarnings("module") // The benchmarks are not there yet when this is compiled.
module dev.baton.tools {
    requires dev.baton.datapath;
    requires info.picocli;
    requires HdrHistogram;
    requires static org.jspecify;

    exports dev.baton.tools.control to dev.baton.bench;
    exports dev.baton.tools.json to dev.baton.bench;
    exports dev.baton.tools.traffic to dev.baton.bench;

    opens dev.baton.tools to info.picocli;
}
