"""Text: prose, records and markup in; encoding and number of records, or the text out."""

import csv
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, BinaryIO

from unified_assets.core.contracts import Modality
from unified_assets.core.media import DecodedText
from unified_assets.formats.encodings import decode_text
from unified_assets.formats.languages import find_language
from unified_assets.formats.tables import count_rows, find_dialect

MAX_BYTES = 4 << 20
MAX_LINE_COUNT_BYTES = 256 << 20
_DELIMITERS = {"text/csv": ",", "text/tab-separated-values": "\t"}


def probe(stream: BinaryIO, media_type: str) -> Mapping[str, Any]:
    """Encoding, language, and for a table, JSON or JSON lines the number of records where counting is cheap, with the table's dialect."""
    data, whole = _read(stream)
    text, encoding = decode_text(data, whole=whole)
    facts: dict[str, Any] = {"encoding": encoding.name, "language": find_language(text)}
    if media_type in _DELIMITERS:
        return facts | _table(text, stream, media_type, whole=whole)
    return facts | {"records": _records(text, media_type) if whole else _lines(stream, media_type)}


def decode(stream: BinaryIO, media_type: str) -> DecodedText:  # noqa: ARG001 - text is text
    """The text without its byte order mark, at most 4 MiB of it."""
    data, whole = _read(stream)
    text, encoding = decode_text(data, whole=whole)
    return DecodedText(text=text, encoding=encoding.name, confident=encoding.confident, cut=not whole)


def _read(stream: BinaryIO) -> tuple[bytes, bool]:
    stream.seek(0)
    data = stream.read(MAX_BYTES + 1)
    return data[:MAX_BYTES], len(data) <= MAX_BYTES


def _table(text: str, stream: BinaryIO, media_type: str, *, whole: bool) -> dict[str, Any]:
    dialect = find_dialect(text, _DELIMITERS[media_type])
    if dialect is None:
        return {"records": max(0, sum(1 for line in text.splitlines() if line) - 1) if whole else None}
    records = None
    if whole:
        with suppress(csv.Error):
            records = count_rows(text, dialect)
    elif '"' not in text and "\n" in text:
        lines = _lines(stream, "application/jsonl")
        records = None if lines is None else lines - dialect.header
    return {"records": records, "dialect": dialect._asdict()}


def _records(text: str, media_type: str) -> int | None:
    try:
        if media_type == "application/jsonl":
            return sum(1 for line in text.splitlines() if line.strip())
        return _members(json.loads(text)) if media_type == "application/json" else None
    except (ValueError, RecursionError):
        return None


def _members(value: object) -> int:
    """Rows of a list, of the lists of a dict, or the entries of a dict of dicts."""
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


def _good() -> tuple[bytes, str]:
    return b"name,colour\napple,red\nplum,violet\n", "text/csv"


def _bad() -> tuple[bytes, str]:
    return b"name,colour\n" + bytes(range(256)), "text/csv"


MODALITY = Modality(
    name="text",
    description="Prose, tables, records and markup.",
    media_types=frozenset(
        {
            "text/plain",
            "text/markdown",
            "text/csv",
            "text/tab-separated-values",
            "application/json",
            "application/jsonl",
            "text/xml",
            "text/html",
            "application/yaml",
        }
    ),
    probe=probe,
    decode=decode,
    views=("text",),
    extensions={
        "txt": "text/plain",
        "md": "text/markdown",
        "markdown": "text/markdown",
        "csv": "text/csv",
        "tsv": "text/tab-separated-values",
        "json": "application/json",
        "jsonl": "application/jsonl",
        "ndjson": "application/jsonl",
        "xml": "text/xml",
        "html": "text/html",
        "htm": "text/html",
        "xhtml": "text/html",
        "yaml": "application/yaml",
        "yml": "application/yaml",
    },
    good=_good,
    bad=_bad,
)
