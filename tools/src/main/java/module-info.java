/** The {@code baton} command. */
module dev.baton.tools {
    requires dev.baton.datapath;
    requires info.picocli;
    requires HdrHistogram;
    requires static org.jspecify;

    opens dev.baton.tools to info.picocli;
}
