"""The text of a record file in; flat records out, or None where it holds none. Hostile input costs time in proportion to its size."""

import csv
import io
import json
import re
from collections.abc import Iterable
from typing import Any, Literal

from unified_assets.core.contracts import Records
from unified_assets.core.errors import UnreadableFile
from unified_assets.formats.encodings import decode_text
from unified_assets.records import markup, structured
from unified_assets.records.names import extension, nested, split_of_file

VALUE_LIMIT = 20_000  # characters kept of one value
ROW_LIMIT = 200_000
FORMS = {"csv": "csv", "tsv": "csv", "tab": "csv", "json": "json", "jsonl": "json", "ndjson": "json", "xml": "xml"}
TYPES = {"text/csv": "csv", "text/tab-separated-values": "csv", "application/json": "json", "application/jsonl": "json", "text/xml": "xml"}
PROSE_EXTENSIONS = frozenset({"txt", "text", "md", "markdown", "html", "htm", "yaml", "yml"})
_LISTED = re.compile(r"(\S[^\t,;]*?\.[A-Za-z][A-Za-z0-9]{1,4})\s*[\s,;]\s*([^\s,;][^,;\t]{0,59})")
LISTED_LIMIT = 400  # characters of a line
_DELIMITERS = (",", "\t", ";", "|")
_NUMBER = re.compile(r"^-?[\d.,]+$")


def text_of(data: bytes, *, whole: bool = True) -> str:
    """Bytes as text, in the encoding that the catalog finds; what is no text in any of them by Windows-1252 with every byte mapped."""
    try:
        return decode_text(data, whole=whole)[0]
    except (UnreadableFile, UnicodeDecodeError):
        return data.decode("cp1252", "replace")


def form_of(path: str, media_type: str = "") -> str | None:
    """What a file's records are written as: csv, json or xml by its extension, where that says nothing by what the catalog found; or `lines`."""
    ending = extension(path)
    return FORMS.get(ending) or (TYPES.get(media_type) if ending not in PROSE_EXTENSIONS else "lines" if ending in {"txt", "text"} else None)


def parse(path: str, text: str, *, cut: bool = False, media_type: str = "") -> Records | None:
    """Flat records of a file by its extension or type and its look; of plain text only where a table with a header stands in it."""
    form = form_of(path, media_type)
    try:
        if form == "lines" and (listed := _listed(text)):
            return _build(path, "lines", ((row, None) for row in listed), cut=cut)
        if form == "csv" or (form == "lines" and _is_tabbed(text)):
            return _delimited(path, text, cut=cut)
        if form == "json":
            return _objects(path, text, cut=cut)
        if form == "xml":
            return _build(path, "xml", ((row, None) for row in markup.rows(text)), cut=cut)
    except (ValueError, RecursionError, csv.Error):
        return None
    return None


def _listed(text: str) -> list[dict[str, str]]:
    """Rows of lines that name a file and then its label: `images/7.png 3`; empty where most of the first lines do not."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    head = [_LISTED.fullmatch(line[:LISTED_LIMIT]) for line in lines[:30]]
    if len(lines) < 2 or not all(match is not None and structured.names_file(match[1]) for match in head):
        return []
    found = [match for line in lines if (match := _LISTED.fullmatch(line[:LISTED_LIMIT])) and structured.names_file(match[1])]
    return [{"file": match[1], "label": match[2]} for match in found] if len(found) >= 0.95 * len(lines) else []


def _is_tabbed(text: str) -> bool:
    """Whether the first lines of a plain text have the same number of cells, at least three, below a header."""
    lines = [line for line in text[:20_000].splitlines()[:30] if line.strip()]
    counts = {line.count("\t") for line in lines[: len(lines) - 1 or None]}
    return len(lines) >= 4 and len(counts) == 1 and counts.pop() >= 2 and _is_header(lines[0].split("\t"))


def json_value(text: str) -> Any:
    """The JSON value of a text, or None where it is not JSON or nests too deep."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _delimited(path: str, text: str, *, cut: bool) -> Records | None:
    head = text[:20_000].splitlines()[:30]
    if not head:
        return None
    delimiter = _delimiter(head)
    if delimiter is None:
        return None
    csv.field_size_limit(1 << 22)
    quoting: Literal[0, 3] = csv.QUOTE_NONE if delimiter == "\t" and '"' in text and not _quotes_balance(head, delimiter) else csv.QUOTE_MINIMAL
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, quoting=quoting)
    header = next(reader, None)
    if header is None or len(header) < 2:
        return None
    named = _is_header(header)
    fields = [name.strip() or f"column{index + 1}" for index, name in enumerate(header)] if named else [f"column{index + 1}" for index in range(len(header))]
    first = [] if named else [header]
    rows = (dict(zip(fields, [*row, *[""] * (len(fields) - len(row))], strict=False)) for row in (*first, *reader) if row)
    return _build(path, "tsv" if delimiter == "\t" else "csv", ((row, None) for row in rows), cut=cut)


def _delimiter(head: list[str]) -> str | None:
    """The delimiter that stands in every one of the first lines, and most often in the first."""
    best = [(head[0].count(mark), -place, mark) for place, mark in enumerate(_DELIMITERS) if mark in head[0]]
    return max(best)[2] if best else None


def _quotes_balance(head: list[str], delimiter: str) -> bool:
    cells = [cell for line in head for cell in line.split(delimiter) if cell.startswith('"')]
    return all(len(cell) > 1 and cell.rstrip().endswith('"') for cell in cells)


def _is_header(cells: list[str]) -> bool:
    filled = [cell.strip() for cell in cells if cell.strip()]
    return len(set(filled)) == len(filled) and all(len(cell) <= 60 and not _NUMBER.match(cell) and "." not in cell[:-1] for cell in filled)


def _objects(path: str, text: str, *, cut: bool) -> Records | None:
    value = json_value(text)
    if value is None:
        lines = [found for line in text.splitlines() if line.strip() and (found := json_value(line)) is not None]
        filled = sum(1 for line in text.splitlines() if line.strip())
        if len(lines) < 2 or len(lines) < 0.9 * filled:
            return None
        return _build(path, "jsonl", structured.rows(lines), cut=cut)
    return _build(path, "json", structured.rows(value), cut=cut)


def _build(path: str, name: str, rows: Iterable[tuple[dict[str, Any], str | None]], *, cut: bool) -> Records | None:
    kept: list[dict[str, str]] = []
    splits: list[str | None] = []
    fields: dict[str, int] = {}
    of_file = split_of_file(path)
    for row, split in rows:
        if len(kept) >= ROW_LIMIT:
            cut = True
            break
        flat = {key: structured.as_text(value)[:VALUE_LIMIT] for key, value in row.items()}
        kept.append(flat)
        splits.append(nested(of_file, split))
        for key in flat:
            fields[key] = fields.get(key, 0) + 1
    if not kept or not fields or (len(kept) == 1 and len(fields) < 2):
        return None
    return Records(path=path, rows=tuple(kept), fields=tuple(fields), format=name, splits=tuple(splits), cut=cut)
