"""Names on the command line in; items in batches, their answers, and lines, a table or csv of them out."""

import csv
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unified_assets.core.errors import InvalidSetting
from unified_assets.core.paths import encode_path

if TYPE_CHECKING:
    from unified_assets.inference import Predictor

BATCH = 128  # items that are decoded, and held in memory, at a time
COLUMNS = ("item", "task", "answer", "confidence", "error", "detail")


def expanded(names: Sequence[str]) -> Iterator[Path | str]:
    """Files, the files below folders (hidden ones left out, links not followed), and texts."""
    from unified_assets.inference.reading import names_a_file

    for name in names:
        path = Path(name)
        try:
            there, folder = path.exists(), path.is_dir()
        except (OSError, ValueError):  # a text, longer than any name or with bytes no name has
            there = folder = False
        if folder:
            yield from _below(path)
        else:
            yield path if there or names_a_file(name) else name


def _below(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.is_symlink():
            continue
        if entry.is_dir():
            yield from _below(entry)
        else:
            yield entry


def answered(predictor: "Predictor", items: Iterable[Path | str], task: str | None) -> Iterator[dict[str, Any]]:
    """One row an item, in order."""
    coming = iter(items)
    while batch := list(islice(coming, BATCH)):
        for item, answer in zip(batch, predictor.predict(batch, task), strict=True):
            yield {"item": _shown(item), **answer}


def _shown(item: Path | str) -> str:
    """A name as it can be printed: bytes that are no text are escaped, as in the catalog."""
    name = str(item)
    return encode_path(os.fsencode(name)) if any("\udc80" <= character <= "\udcff" for character in name) else name


def writer(form: str) -> Callable[[Iterable[dict[str, Any]]], int]:
    """A function that writes rows to standard output and returns how many of them are errors. Raises InvalidSetting for another form."""
    forms: dict[str, Callable[[Iterable[dict[str, Any]]], int]] = {"jsonl": _lines, "csv": _csv, "table": _table}
    if form not in forms:
        raise InvalidSetting(source="predict", field="format", value=form, problem="no such format", fix=f"Choose one of {', '.join(forms)}.")
    return forms[form]


def _lines(rows: Iterable[dict[str, Any]]) -> int:
    failed = 0
    for row in rows:
        failed += "error" in row
        sys.stdout.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
    return failed


def _csv(rows: Iterable[dict[str, Any]]) -> int:
    failed = 0
    out = csv.DictWriter(sys.stdout, COLUMNS, extrasaction="ignore", lineterminator="\n")
    out.writeheader()
    for row in rows:
        failed += "error" in row
        out.writerow(row)
    return failed


def _table(rows: Iterable[dict[str, Any]]) -> int:
    from unified_assets.reports.screen import show_answers

    found = list(rows)
    show_answers(found)
    return sum("error" in row for row in found)
