"""The JSON of verify.py: canonical as RFC 8785 says, and nothing else is read."""

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from ledger import verify

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
)


@given(json_values)
def test_its_canonical_json_is_that_of_the_library(value):
    assert verify.canonical(value).encode() == rfc8785.dumps(value)


@pytest.mark.parametrize(
    "content",
    [
        b'{"a":1.0}', b'{"a":NaN}', b'{"a":1,"a":1}', b'{"b":1,"a":2}', b'{"a": 1}', b'{"a":01}', b'{"a":-0}',
        b'{"a":1e2}', b'{"a":"\\u0041"}', b"[]", b"", b"\xff", b"[" * 1_000_000, b'{"":' * 65,
        b'{"a":"]' + b'\\"' * 4_000_000, b'{"a":"\\ud800"}',
        b'{"a":' + b"9" * 5000 + b"}",
    ],
)  # fmt: skip
def test_json_that_is_not_canonical_is_refused(content):
    with pytest.raises(verify.Failed):
        verify.parse_json(content, "manifest.json")


def test_brackets_in_texts_are_not_depth():
    content = rfc8785.dumps({"title": '"[{\\' * 100, "list": [[[]]]})
    assert verify.parse_json(content, "manifest.json")["list"] == [[[]]]
