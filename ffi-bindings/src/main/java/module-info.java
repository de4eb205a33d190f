/** Linux calls through {@code java.lang.foreign}, one small class per man-page family. */
module dev.baton.ffi {
    requires static transitive org.jspecify;

    exports dev.baton.ffi;
}
