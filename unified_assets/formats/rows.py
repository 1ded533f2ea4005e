"""The text of a table in; its first rows out, for whoever looks at records without learning from them."""

import csv
import io
import json
from functools import lru_cache
from typing import NamedTuple

MOST_ROWS = 2_000
MOST_CHARACTERS = 1_000_000
_SEPARATED = {"text/csv": ",", "text/tab-separated-values": "\t"}
_LINES = "application/jsonl"


class Rows(NamedTuple):
    """The rows after the heading, without empty ones, each a tuple of cells; JSON lines give one cell for each field seen."""

    fields: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@lru_cache(maxsize=1)
def rows_of(text: str, media_type: str) -> Rows | None:
    """The rows of a csv, tsv or jsonl text (kept for the next who asks for the same text); None where it has none."""
    head = text[:MOST_CHARACTERS]
    try:
        if media_type in _SEPARATED:
            return _separated(head, _delimiter(head, media_type))
        return _json_lines(head) if media_type == _LINES else None
    except (csv.Error, ValueError, RecursionError):
        return None


def _delimiter(text: str, media_type: str) -> str:
    """That of the media type, or a semicolon where the first line of a csv has more of them."""
    first = text.partition("\n")[0]
    return ";" if media_type == "text/csv" and first.count(";") > first.count(",") else _SEPARATED[media_type]


def _separated(text: str, delimiter: str) -> Rows | None:
    found = []
    for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL):
        if any(row):
            found.append(tuple(row))
        if len(found) > MOST_ROWS:
            break
    if len(text) == MOST_CHARACTERS and len(found) <= MOST_ROWS:
        found = found[:-1]  # cut off in the middle
    return Rows(found[0], tuple(found[1:])) if len(found) > 1 else None


def _json_lines(text: str) -> Rows | None:
    lines = text.splitlines()[: MOST_ROWS + 1]
    whole = lines[:-1] if len(text) == MOST_CHARACTERS else lines
    records = [record for record in map(json.loads, filter(str.strip, whole)) if isinstance(record, dict)]
    if len(records) < 2:
        return None
    fields = tuple(dict.fromkeys(name for record in records for name in record))
    return Rows(fields, tuple(tuple(_cell(record.get(name)) for name in fields) for record in records))


def _cell(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, sort_keys=True)
