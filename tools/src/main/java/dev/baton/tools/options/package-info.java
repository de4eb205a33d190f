/** What the command line and the configuration file say, checked before anything is opened. */
@NullMarked
package dev.baton.tools.options;

import org.jspecify.annotations.NullMarked;
