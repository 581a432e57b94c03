"""Names as TOML takes them."""

import pytest
import tomli
from hypothesis import example, given
from hypothesis import strategies as st

from npuspec.diagnostics.suggest import surely_meant, toml_key, toml_string


@given(st.text())
@example('"\\\x00\x1b\x7f\u2028\U000e0001')
def test_a_text_in_quotes_is_printable_and_the_same_when_it_is_read(text: str) -> None:
    quoted = toml_string(text)
    assert quoted.isprintable()
    assert tomli.loads(f"x = {quoted}") == {"x": text}
    assert tomli.loads(f"{toml_key(text)} = 1") == {text: 1}


def test_a_bare_key_stays_bare() -> None:
    assert (toml_key("a-b_1"), toml_key("a.b"), toml_key("")) == ("a-b_1", '"a.b"', '""')


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("overfow", "overflow"),
        ("overflaw", "overflow"),  # closer than to the other that it is close to
        ("overlpa", "overlap"),
        ("pad_value", "pad-value"),
        ("mni", "min"),
        ("value", ""),
        ("min-drop", ""),
        ("mix", ""),
    ],
)
def test_only_a_word_that_can_be_nothing_else_is_surely_meant(word: str, meant: str) -> None:
    assert surely_meant(word, ["overflow", "overlap", "pad-value", "max-drop", "min", "max"]) == meant
