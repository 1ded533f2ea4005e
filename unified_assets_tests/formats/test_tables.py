"""How a table is written, and how many records it holds."""

import io

import pytest

from unified_assets.formats.tables import Dialect, count_rows, find_dialect
from unified_assets.modalities.text import probe


@pytest.mark.parametrize(
    ("text", "dialect", "rows"),
    [
        ("name,colour\napple,red\nplum,violet\n", Dialect(",", quoted=False, header=True, columns=2), 2),
        ("name;price\napple;1,50\nplum;2,50\n", Dialect(";", quoted=False, header=True, columns=2), 2),
        ("a|b|c\n1|2|3\n", Dialect("|", quoted=False, header=True, columns=3), 1),
        ("1,2\n3,4\n5,6\n", Dialect(",", quoted=False, header=False, columns=2), 3),
        ('text,label\n"two\nlines, one cell",x\n"b",y\n', Dialect(",", quoted=True, header=True, columns=2), 2),
    ],
)
def test_dialects_and_records(text, dialect, rows):
    assert find_dialect(text, ",") == dialect
    assert count_rows(text, dialect) == rows


def test_one_column_is_no_dialect():
    assert find_dialect("one\ntwo\n", ",") is None


@pytest.mark.parametrize(
    ("data", "media_type", "records"),
    [
        (b"a\tb\n1\t2\n", "text/tab-separated-values", 1),
        (b'{"a": 1}\n\n{"a": 2}\n', "application/jsonl", 2),
        (b'[{"a": 1}, {"a": 2}]', "application/json", 2),
        (b'{"train": [1, 2], "test": [3]}', "application/json", 3),
        (b"name,n\n" + b"plum,1\n" * 700_000, "text/csv", 700_000),
        (b'name,n\n"plum",1\n' + b"plum,1\n" * 700_000, "text/csv", None),
    ],
)
def test_records_are_counted_where_that_is_cheap(data, media_type, records):
    assert probe(io.BytesIO(data), media_type)["records"] == records
