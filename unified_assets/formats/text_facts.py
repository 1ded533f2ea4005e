"""A text in; its encoding, language, and for tables, JSON and JSON lines the number of records and the dialect out."""

import csv
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, BinaryIO

from unified_assets.formats.encodings import Encoding, decode_text
from unified_assets.formats.languages import find_language
from unified_assets.formats.tables import count_rows, find_dialect

MAX_BYTES = 4 << 20
MAX_LINE_COUNT_BYTES = 256 << 20
DELIMITERS = {"text/csv": ",", "text/tab-separated-values": "\t"}
Decoding = tuple[str, Encoding]


def read_text(stream: BinaryIO) -> tuple[str, Encoding, bool]:
    """At most 4 MiB of a text: (text, encoding, whether that is all). Raises UnreadableFile("not_text")."""
    stream.seek(0)
    data = stream.read(MAX_BYTES + 1)
    whole = len(data) <= MAX_BYTES
    return (*decode_text(data if whole else data[:MAX_BYTES], whole=whole), whole)


def text_facts(stream: BinaryIO, media_type: str, known: Decoding | None = None) -> Mapping[str, Any]:
    """The catalog columns of a text. `known`: all of it and its encoding, where it is decoded already."""
    text, encoding, whole = (*known, True) if known is not None else read_text(stream)
    facts: dict[str, Any] = {"encoding": encoding.name, "language": find_language(text)}
    if media_type in DELIMITERS:
        return facts | _table(text, stream, media_type, whole=whole)
    return facts | {"records": _records(text, media_type) if whole else _lines(stream, media_type)}


def _table(text: str, stream: BinaryIO, media_type: str, *, whole: bool) -> dict[str, Any]:
    dialect = find_dialect(text, DELIMITERS[media_type])
    if dialect is None:
        return {"records": max(0, _filled_lines(text) - 1) if whole else None}
    records = None
    if whole:
        with suppress(csv.Error):
            records = count_rows(text, dialect)
    elif '"' not in text and "\n" in text:
        lines = _lines(stream, "application/jsonl")
        records = None if lines is None else lines - dialect.header
    return {"records": records, "dialect": dialect._asdict()}


def _filled_lines(text: str) -> int:
    return sum(map(bool, text.splitlines()))


def _records(text: str, media_type: str) -> int | None:
    try:
        if media_type == "application/jsonl":
            return sum(map(bool, map(str.strip, text.splitlines())))
        return count_members(text) if media_type == "application/json" else None
    except (ValueError, RecursionError):
        return None


@lru_cache(maxsize=1)  # detection parses a text just before its records are counted
def count_members(text: str) -> int:
    """Rows of a JSON list, of the lists of a dict, or the entries of a dict of dicts. Raises ValueError for what is no JSON."""
    value = json.loads(text)
    if isinstance(value, list):
        return len(value)
    if not isinstance(value, dict) or not value:
        return 1
    lists = [inner for inner in value.values() if isinstance(inner, list)]
    if lists:
        return sum(map(len, lists))
    return len(value) if all(isinstance(inner, dict) for inner in value.values()) else 1


def _lines(stream: BinaryIO, media_type: str) -> int | None:
    """Lines of a long JSON lines file; other long files are not counted."""
    size = stream.seek(0, os.SEEK_END)
    if media_type != "application/jsonl" or size > MAX_LINE_COUNT_BYTES:
        return None
    stream.seek(0)
    count, last = 0, b"\n"
    while chunk := stream.read(1 << 20):
        count, last = count + chunk.count(b"\n"), chunk[-1:]
    return count + (last != b"\n")
