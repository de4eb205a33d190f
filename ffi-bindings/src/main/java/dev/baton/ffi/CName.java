package dev.baton.ffi;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** The name of a constant in C, where it is not the prefix of {@link CHeader} and the name of the field. */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.FIELD)
@interface CName {
    String value();
}
