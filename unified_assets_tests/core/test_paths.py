"""Names of any bytes survive as text."""

from hypothesis import given
from hypothesis import strategies as st

from unified_assets.core.paths import decode_path, encode_path


@given(st.binary(max_size=60))
def test_any_bytes_come_back_from_valid_unicode(raw):
    text = encode_path(raw)
    assert decode_path(text) == raw
    assert text.encode("utf-8").decode("utf-8") == text


def test_usual_names_stand_for_themselves():
    assert encode_path("plain/ünï ☃\n.txt".encode()) == "plain/ünï ☃\n.txt"


def test_undecodable_bytes_and_backslashes_are_written_apart():
    assert encode_path(b"\xe9t\xe9") == r"\xe9t\xe9"
    assert encode_path(rb"\xe9t") == r"\\xe9t"
    assert decode_path(r"a\b") == rb"a\b"
