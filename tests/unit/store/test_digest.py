"""Equal values have equal bytes, and different values different ones."""

import json
import math
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npuspec.store import canonical_json, digest_bytes, digest_file, digest_json

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


def reordered(value: Any) -> Any:
    """Return an equal value whose tables were filled the other way round, and whose arrays are tuples."""
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(value)}
    if isinstance(value, list):
        return tuple(reordered(item) for item in value)
    return value


def encodable(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # lone surrogates are no text
        return False
    return True


@settings(deadline=None)
@given(PLAIN.filter(encodable))
def test_a_value_comes_back_equal(value: Any) -> None:
    assert json.loads(canonical_json(value)) == value


@settings(deadline=None)
@given(PLAIN.filter(encodable))
def test_neither_the_order_of_keys_nor_tuples_for_lists_change_a_byte(value: Any) -> None:
    assert canonical_json(reordered(value)) == canonical_json(value)
    assert digest_json(reordered(value)) == digest_json(value)


@settings(deadline=None)
@given(PLAIN.filter(encodable), PLAIN.filter(encodable))
def test_values_of_equal_bytes_are_equal(left: Any, right: Any) -> None:
    assert (canonical_json(left) != canonical_json(right)) or left == right


@settings(deadline=None)
@given(PLAIN.filter(encodable))
def test_the_bytes_are_utf8_and_end_with_one_newline(value: Any) -> None:
    data = canonical_json(value)
    assert data.decode("utf-8").rstrip("\n") + "\n" == data.decode("utf-8")


def test_text_is_written_as_it_is() -> None:
    assert canonical_json({"ключ": "값"}) == '{\n "ключ": "값"\n}\n'.encode()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_json_has_no_word_for_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"a": [value]})


@settings(deadline=None)
@given(st.binary(max_size=100))
def test_a_digest_of_bytes_is_sha256(data: bytes) -> None:
    assert digest_bytes(data) == sha256(data).hexdigest()


@pytest.mark.parametrize("size", [0, 1, 2**18, 2**20 + 1])
def test_a_digest_of_a_file_is_that_of_its_bytes(tmp_path: Path, size: int) -> None:
    data = bytes(i * 7 % 251 for i in range(size))
    (tmp_path / "file").write_bytes(data)
    assert digest_file(tmp_path / "file") == digest_bytes(data)


def test_a_missing_file_has_no_digest(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        digest_file(tmp_path / "file")
