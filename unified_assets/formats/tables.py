"""The text of a table in; its dialect and its number of records out. Nothing is guessed twice: one look at the first lines decides."""

import csv
import io
import re
from typing import NamedTuple

SAMPLE_LINES = 20
SAMPLE_CHARS = 1 << 16
DELIMITERS = (",", ";", "\t", "|")
_NUMBER = re.compile(r"\s*[-+]?(?:\d[\d_,]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*%?\s*")


class Dialect(NamedTuple):
    """How a table is written. `header` is False where the first row looks like the others (it holds a number)."""

    delimiter: str
    quoted: bool
    header: bool
    columns: int


def find_dialect(text: str, usual: str) -> Dialect | None:
    """Dialect by the first lines; `usual` is the delimiter that wins where several would do. None where there is no second column."""
    head = text[:SAMPLE_CHARS]
    lines = head.splitlines()[: SAMPLE_LINES + 1]
    lines = lines[:-1] if len(lines) > SAMPLE_LINES or len(text) > SAMPLE_CHARS else lines
    best: tuple[float, int, str, list[list[str]]] | None = None
    for delimiter in sorted(DELIMITERS, key=lambda mark: mark != usual):
        if delimiter not in head:
            continue
        try:
            rows = [row for row in csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter) if row]
        except csv.Error:
            continue
        widths = [len(row) for row in rows]
        usual_width = max(set(widths), key=lambda width: (widths.count(width), width)) if widths else 0
        rank = (widths.count(usual_width) / len(widths), usual_width) if usual_width >= 2 else (0.0, 0)
        if rank[1] and (best is None or rank[0] > best[0]):
            best = (*rank, delimiter, rows)
    if best is None:
        return None
    _, columns, delimiter, rows = best
    header = not any(cell and _NUMBER.fullmatch(cell) for cell in rows[0])
    return Dialect(delimiter, '"' in head and f'"{delimiter}' in head, header, columns)


def count_rows(text: str, dialect: Dialect) -> int:
    """Records, the header not counted. Raises csv.Error for a cell beyond csv's limit."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=dialect.delimiter) if '"' in text else text.splitlines()
    return max(0, sum(map(bool, rows)) - dialect.header)
