package dev.baton.tools;

import picocli.CommandLine.IVersionProvider;

/** The version of Baton, as its module was built with. */
final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
        return new String[] {"baton " + text() + " (Java " + Runtime.version() + ")"};
    }

    static String text() {
        var descriptor = Version.class.getModule().getDescriptor();
        return descriptor == null ? "unpackaged" : descriptor.rawVersion().orElse("unpackaged");
    }
}
