"""Strict JSON in, canonical JSON out."""

from __future__ import annotations

import json
import math
import random
import struct
from pathlib import Path

import pytest
import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recore import jsonio
from recore.errors import BadInput


@pytest.mark.parametrize("name", ["arrays", "french", "structures"])
def test_reference_vectors_of_rfc_8785(shared_data, name):
    given_ = shared_data(f"trust/jcs/input/{name}.json").read_bytes()
    wanted = bytes.fromhex(shared_data(f"trust/jcs/outhex/{name}.txt").read_text())
    assert jsonio.canonical(jsonio.loads(given_, where=name)) == wanted


@pytest.mark.parametrize(
    ("bits", "text"),
    [  # RFC 8785, appendix B
        ("0000000000000000", "0"),
        ("8000000000000000", "0"),
        ("0000000000000001", "5e-324"),
        ("8000000000000001", "-5e-324"),
        ("7fefffffffffffff", "1.7976931348623157e+308"),
        ("ffefffffffffffff", "-1.7976931348623157e+308"),
        ("4340000000000000", "9007199254740992"),
        ("c340000000000000", "-9007199254740992"),
        ("4430000000000000", "295147905179352830000"),
        ("44b52d02c7e14af5", "9.999999999999997e+22"),
        ("44b52d02c7e14af6", "1e+23"),
        ("44b52d02c7e14af7", "1.0000000000000001e+23"),
        ("444b1ae4d6e2ef4e", "999999999999999700000"),
        ("444b1ae4d6e2ef50", "1e+21"),
        ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
        ("3eb0c6f7a0b5ed8d", "0.000001"),
        ("41b3de4355555553", "333333333.3333332"),
        ("becbf647612f3696", "-0.0000033333333333333333"),
        ("43143ff3c1cb0959", "1424953923781206.2"),
    ],
)
def test_numbers_of_rfc_8785(bits, text):
    value = struct.unpack(">d", bytes.fromhex(bits))[0]
    assert jsonio.canonical(value) == text.encode()


numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.sampled_from(
        [1.0, -0.0, 1e15, 2.0**53, 9.9e15, 1e16, 1e17, 1e21, 1e-4, 9.9e-5, 1e-6, 1e-7, 0.1, 123456789.0]
    ),
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
documents = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(texts, inner, max_size=5)),
    max_leaves=25,
)


@given(documents)
@settings(max_examples=200, deadline=None)
@example({"\U0001f600": 1, "\ufb33": 2, "z": 1.0})
@example({"a": [1.0, -0.0, 1e16, 1e-7, "\u2028\x7f\x1f"]})
def test_canonical_form_is_that_of_the_reference_package(document):
    ours = jsonio.canonical(document)
    assert ours == rfc8785.dumps(document)
    assert jsonio.canonical(jsonio.loads(ours, where="again")) == ours


@given(st.binary(min_size=8 * 40, max_size=8 * 40))
@settings(max_examples=50, deadline=None)
def test_every_double_is_written_as_the_reference_package_writes_it(bits):
    values = [value for value in struct.unpack("<40d", bits) if math.isfinite(value)]
    assert jsonio.canonical(values) == rfc8785.dumps(values)


def test_two_thousand_doubles_of_any_bits_are_written_as_the_reference_package_writes_them():
    bits = random.Random(8785).randbytes(8 * 2000)
    values = [value for value in struct.unpack("<2000d", bits) if math.isfinite(value)]
    assert len(values) > 1900
    assert jsonio.canonical(values) == rfc8785.dumps(values)


def test_digest_does_not_depend_on_order_or_spelling():
    assert jsonio.digest({"b": 1.0, "a": "é"}) == jsonio.digest(json.loads('{"a": "\\u00e9", "b": 1}'))
    assert jsonio.digest({"a": 1}) != jsonio.digest({"a": 2})


@pytest.mark.parametrize(
    "value",
    [{1: 2}, {"a": {None: 1}}, {"\ud800": 1}, ["\ud800"], float("nan"), [float("inf")], 2**53, object(), {2}],
)
def test_what_has_no_canonical_form_is_bad_input(value):
    with pytest.raises(BadInput, match="no canonical JSON form"):
        jsonio.canonical(value)


def test_a_tuple_is_a_list():
    assert jsonio.canonical({"a": (1, "b")}) == b'{"a":[1,"b"]}'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b'{"a": 1, "a": 2}', "'a' stands twice"),
        (b'{"x": {"a": 1, "\\u0061": 2}}', "'a' stands twice"),
        (b"[NaN]", "NaN is not a JSON number"),
        (b"[-Infinity]", "-Infinity is not a JSON number"),
        (b"[1e999]", "beyond a double"),
        (b'["\\ud800"]', "lone surrogate"),
        (b'{"\\udfff": 1}', "lone surrogate"),
        (b"[9007199254740993]", "beyond 2\\^53"),
        (b"[-10000000000000001]", "beyond 2\\^53"),
        (b"[" + b"1" * 100_000 + b"]", "beyond 2\\^53"),
        (b"\xff\xfe", "not UTF-8"),
        (b"", "empty"),
        (b"  \n", "empty"),
        (b'{"a": 1', "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b"[1,]", "not JSON"),
        (b"[" * 65 + b"]" * 65, "nested too deeply"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_what_i_json_forbids_is_bad_input_with_its_place(text, says):
    with pytest.raises(BadInput, match=says) as caught:
        jsonio.loads(text, where="sheet.json")
    assert "sheet.json" in str(caught.value)


def test_what_is_just_inside_the_limits_is_read():
    assert jsonio.loads(b"[9007199254740991, -9007199254740991]", where="x") == [2**53 - 1, 1 - 2**53]
    assert jsonio.loads(b"[9007199254740992, -100000000000000000000]", where="x") == [2.0**53, -1e20]
    assert jsonio.loads(b"[" * 64 + b"]" * 64, where="x")
    assert jsonio.loads('["\\ud83d\\ude00"]', where="x") == ["\U0001f600"]
    assert jsonio.loads(b'\xef\xbb\xbf{"a": 1}', where="x") == {"a": 1}


def test_a_document_past_the_limit_is_refused_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(jsonio, "MAX_BYTES", 10)
    with pytest.raises(BadInput, match="11 bytes"):
        jsonio.loads(b" " * 9 + b"[]", where="x")


def test_text_with_a_lone_surrogate_is_refused_as_text_too():
    with pytest.raises(BadInput, match="lone surrogate"):
        jsonio.loads('["\ud800"]', where=str(Path("x")))


@given(st.lists(st.floats(2.0**52, 1e17) | st.floats(1e-8, 1e-3), min_size=10, max_size=10))
@settings(max_examples=100, deadline=None)
def test_numbers_where_the_notations_change(values):
    both = [*values, *(-value for value in values)]
    assert jsonio.canonical(both) == rfc8785.dumps(both)
