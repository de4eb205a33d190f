package dev.baton.tools.json;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JsonTest {
    @Test
    void prettyDocumentIsIndentedAndKeepsOrder() {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("zeta", 1);
        tree.put("alpha", List.of(1.5, true, "x"));
        tree.put("none", Map.of());
        tree.put("empty", List.of());
        assertThat(JsonWriter.pretty(tree)).isEqualTo("""
                {
                  "zeta": 1,
                  "alpha": [
                    1.5,
                    true,
                    "x"
                  ],
                  "none": {},
                  "empty": []
                }
                """);
        assertThat(JsonWriter.line(tree)).isEqualTo(
                "{\"zeta\":1,\"alpha\":[1.5,true,\"x\"],\"none\":{},\"empty\":[]}");
    }

    @Test
    void everyCharacterSurvivesTheTrip() {
        StringBuilder text = new StringBuilder("\"\\/\u20ac\ud83d\ude00");
        for (char c = 0; c < 0x100; c++) {
            text.append(c);
        }
        String written = JsonWriter.line(text.toString());
        assertThat(written.chars()).allMatch(c -> c >= ' ');
        assertThat(JsonReader.parse(written)).isEqualTo(text.toString());
    }

    @Test
    void aLoneSurrogateIsEscaped() {
        assertThat(JsonWriter.line("a\ud800b")).isEqualTo("\"a\\ud800b\"");
        assertThat(JsonWriter.line("a\udc00")).isEqualTo("\"a\\udc00\"");
    }

    @Test
    void figuresThatAreNoneBecomeNull() {
        assertThat(JsonWriter.line(Arrays.asList(Double.NaN, Double.POSITIVE_INFINITY, null, Long.MIN_VALUE)))
                .isEqualTo("[null,null,null,-9223372036854775808]");
    }

    @Test
    void readerFollowsKeys() {
        Object tree = JsonReader.parse(" {\"a\" : {\"b\":[1, 2.5e1 ,\"\\u0041\"], \"c\": null}, \"n\":-7 } ");
        assertThat(JsonReader.number(tree, "n").longValue()).isEqualTo(-7);
        assertThat(JsonReader.at(tree, "a", "b")).isEqualTo(List.of(1L, 25.0, "A"));
        assertThat(JsonReader.at(tree, "a", "c")).isNull();
        assertThat(JsonReader.at(tree, "x", "y")).isNull();
        assertThatThrownBy(() -> JsonReader.text(tree, "n")).hasMessage("no text at n");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "{", "[1,", "[1 2]", "{\"a\"}", "{a:1}", "tru", "1 2", "\"a", "\"\\x\"", "\"\\u12\"",
        "\"\\u12g4\"", "\"\n\"", "-", "1.2.3", "1e999", "99999999999999999999", "{\"a\":1,}"})
    void whatIsNotJsonIsRefused(String text) {
        assertThatThrownBy(() -> JsonReader.parse(text)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("not JSON: ");
    }

    @Test
    void deepNestingIsRefused() {
        assertThatThrownBy(() -> JsonReader.parse("[".repeat(100_000))).hasMessageContaining("nested too deep");
    }
}
