"""The text of a plain line file in; flat records of the line grammar it follows, or None, out.

Grammars: a numbered sentence and its label on the next line · `expression = result` · text, a tab, a label · `__label__x text`.
"""

import itertools
import re
from collections.abc import Callable, Iterator

from unified_assets.core.contracts import Records
from unified_assets.records.names import split_of_file
from unified_assets.records.subjects import is_arithmetic, is_formula

MIN_LINES = 16
AGREEMENT = 0.9
SAMPLE = 400
LONGEST = 4_000  # characters; a longer line follows no grammar, and cannot cost quadratic time
_NUMBERED = re.compile(r"^\d+[\t.)]\s*(\S.*)$")
_LABEL = re.compile(r"^[^\W\d_][\w()/,+&-]{0,60}$")
_EQUATION = re.compile(r"^\s*(.+?)\s*=\s*(-?\d+(?:\.\d+)?(?:/\d+)?)\s*$")
_FORMULA = re.compile(r"^\s*(.+?)\s*(?:\t|:|=|,)\s*([A-Za-z_-]{3,20})\s*$")
_TAGGED = re.compile(r"^__label__(\S+)\s+(\S.*)$")
_TABBED = re.compile(r"^([^\t]*[^\t\s][^\t]*)\t([^\t]{1,60})$")

Fields = dict[str, str]


def parse_lines(path: str, text: str, *, least: int = MIN_LINES, cut: bool = False) -> Records | None:
    """Records of the first grammar that at least 90 % of the lines follow."""
    lines = [line.rstrip() for line in text.splitlines()]
    filled = [line[: LONGEST + 1] for line in lines if line.strip()]
    if len(filled) < least:
        return None
    for read in (_numbered, _equations, _formulas, _tagged, _tabbed):
        rows = read(filled)
        if rows is not None:
            split = split_of_file(path)
            return Records(path=path, rows=tuple(rows), fields=tuple(rows[0]), format="lines", splits=(split,) * len(rows), cut=cut)
    return None


def _numbered(lines: list[str]) -> list[Fields] | None:
    """A numbered sentence, its label, then perhaps a comment that is left out."""
    if len(lines) < 2 or not _NUMBERED.match(lines[0]) or not _LABEL.match(lines[1]):
        return None
    rows = [
        {"text": match.group(1).strip().strip('"'), "label": label.strip()}
        for line, label in itertools.pairwise(lines)
        if (match := _NUMBERED.match(line)) and _LABEL.match(label)
    ]
    numbered = sum(bool(_NUMBERED.match(line)) for line in lines)
    return rows if rows and len(rows) >= AGREEMENT * numbered and len(lines) <= 3.2 * len(rows) else None


def _equations(lines: list[str]) -> list[Fields] | None:
    return _agreed(lines, _EQUATION, lambda one, other: {"expression": one, "result": other}, lambda row: is_arithmetic(row["expression"]))


def _formulas(lines: list[str]) -> list[Fields] | None:
    return _agreed(lines, _FORMULA, lambda one, other: {"formula": one, "label": other}, lambda row: is_formula(row["formula"]))


def _tagged(lines: list[str]) -> list[Fields] | None:
    return _agreed(lines, _TAGGED, lambda one, other: {"text": other, "label": one}, lambda row: bool(row["text"]))


def _tabbed(lines: list[str]) -> list[Fields] | None:
    rows = _agreed(lines, _TABBED, lambda one, other: {"text": one, "label": other.strip()}, lambda row: any(map(str.isalpha, row["text"])))
    if rows is None:
        return None
    labels = {row["label"] for row in rows}
    return rows if len(lines) < MIN_LINES or 2 <= len(labels) <= len(rows) / 3 else None


def _agreed(lines: list[str], pattern: re.Pattern[str], build: Callable[[str, str], Fields], fits: Callable[[Fields], bool]) -> list[Fields] | None:
    head = list(_matching(lines[:SAMPLE], pattern, build, fits))
    if len(head) < AGREEMENT * len(lines[:SAMPLE]):
        return None
    rows = list(_matching(lines, pattern, build, fits))
    return rows if rows and len(rows) >= AGREEMENT * len(lines) else None


def _matching(lines: list[str], pattern: re.Pattern[str], build: Callable[[str, str], Fields], fits: Callable[[Fields], bool]) -> Iterator[Fields]:
    for line in lines:
        match = pattern.match(line) if len(line) <= LONGEST else None
        row = build(match.group(1), match.group(2)) if match else None
        if row is not None and fits(row):
            yield row
