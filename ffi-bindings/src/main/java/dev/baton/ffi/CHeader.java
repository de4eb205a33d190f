package dev.baton.ffi;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Says where the constants and struct layouts of a class come from. A test compiles a C program from the field names
 * and compares each value, offset and size with the machine's headers; private constants are ours and left out.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.TYPE)
@interface CHeader {
    /** The headers to include, in order. */
    String[] value();

    /** What C puts before the names of the constants: {@code EPOLL} for {@code EPOLLIN}. */
    String prefix() default "";

    /** Names in C that are younger than some headers in use. */
    String[] mayLack() default {};
}
