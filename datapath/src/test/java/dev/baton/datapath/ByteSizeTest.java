package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ByteSizeTest {
    @ParameterizedTest
    @CsvSource({"0,0", "1,1", "1023,1023", "1K,1024", "1025,1025", "1M,1048576", "5000M,5242880000", "64G,68719476736",
        "16T,17592186044416", "8388607T,9223370937343148032"})
    void whatIsWrittenIsReadAgain(String text, long bytes) {
        assertThat(ByteSize.text(bytes)).isEqualTo(text);
        assertThat(ByteSize.parse(text)).isEqualTo(bytes);
    }

    @ParameterizedTest
    @CsvSource({"1024,1024", "2048K,2097152", "007M,7340032"})
    void smallerUnitsDoAsWell(String text, long bytes) {
        assertThat(ByteSize.parse(text)).isEqualTo(bytes);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "G", "x", "1g", "1GB", "1 G", "-1", "+1", "1.5G", "8388608T", "1234567890123456", "٣"})
    void nothingElseIsASize(String text) {
        assertThat(ByteSize.parse(text)).isEqualTo(-1);
    }
}
