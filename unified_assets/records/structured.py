"""A JSON value in; flat rows with the split their key declares out."""

import json
import re
from collections.abc import Iterator
from typing import Any

from unified_assets.records.names import split_of_value

MIN_FILES = 8
NAME_LIMIT = 250
_FILE = re.compile(r"[^\n\r<>|?*\"]*[^\s/.]\.[A-Za-z][A-Za-z0-9]{1,4}")
Row = tuple[dict[str, Any], str | None]


def as_text(value: Any) -> str:
    """A JSON value as a cell: text as it is, nothing as "", the rest as JSON text."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False)


def rows(value: Any) -> Iterator[Row]:
    """Rows of a list of objects, a list of lists, a dict of such lists, a dict of objects alike, or one flat object.

    A single row may be the test part of a table whose other parts lie elsewhere.
    """
    if isinstance(value, list):
        yield from _of_list(value, None, least=1)
    elif isinstance(value, dict):
        found = list(_of_dict(value))
        yield from found or ([(value, None)] if _is_flat(value) else [])


def _is_flat(value: dict[str, Any]) -> bool:
    """Whether an object looks like one record: several fields, most of them plain values."""
    plain = sum(isinstance(item, str | int | float | bool) for item in value.values())
    return len(value) >= 2 and 2 * plain > len(value)


def names_file(text: str) -> bool:
    """Whether a text looks like the name of a file: something, a dot and a short extension."""
    return len(text) <= NAME_LIMIT and _FILE.fullmatch(text) is not None


def _of_files(value: dict[str, Any]) -> Iterator[Row]:
    """Rows of file → label, or of label → files (of side → files, where all keys are sides)."""
    if len(value) >= MIN_FILES and all(isinstance(item, str | int | float | bool) for item in value.values()):
        if sum(map(names_file, value)) >= 0.9 * len(value):
            yield from (({"file": name, "label": item}, None) for name, item in value.items())
    elif len(value) >= 2 and all(isinstance(item, list) and item and all(isinstance(one, str) for one in item) for item in value.values()):
        names = [name for item in value.values() for name in item]
        if len(names) >= MIN_FILES and sum(map(names_file, names)) >= 0.9 * len(names):
            sides = all(map(split_of_value, value))
            for key, item in value.items():
                yield from (({"file": name}, split_of_value(key)) if sides else ({"file": name, "label": key}, None) for name in item)


def _of_dict(value: dict[str, Any]) -> Iterator[Row]:
    files = list(_of_files(value))
    if files:
        yield from files
        return
    lists = {key: item for key, item in value.items() if isinstance(item, list) and _is_table(item, least=1 if split_of_value(key) else 2)}
    if lists:
        sides = len(lists) == 1 or all(split_of_value(key) for key in lists)
        for key, item in lists.items():
            for row, _ in _of_list(item, None, least=1):
                yield (row, split_of_value(key)) if sides else ({"list": key, **row}, None)
    elif _is_table(list(value.values())):
        for key, item in value.items():
            if isinstance(item, dict):
                yield {"key": key, **item}, None


def _is_table(items: list[Any], *, least: int = 2) -> bool:
    """Whether these are at least so many objects that share fields, or lists of the same short length."""
    if len(items) < least:
        return False
    head = items[:50]
    if all(isinstance(item, dict) for item in head):
        shared = set.intersection(*(set(item) for item in head))
        return len(shared) >= 1
    if all(isinstance(item, list) for item in head):
        return len({len(item) for item in head}) == 1 and 2 <= len(head[0]) <= 8 and all(isinstance(cell, str | int | float) for item in head for cell in item)
    return False


def _of_list(items: list[Any], split: str | None, *, least: int = 2) -> Iterator[Row]:
    if not _is_table(items, least=least):
        return
    for item in items:
        if isinstance(item, dict):
            yield item, split
        elif isinstance(item, list):
            yield {f"column{place + 1}": cell for place, cell in enumerate(item)}, split


def as_list_of_texts(cell: str) -> list[str]:
    """The texts of a cell: of a JSON list its items, else the cell itself; nothing of an empty one."""
    if cell.startswith("["):
        try:
            value = json.loads(cell)
        except (ValueError, RecursionError):
            return [cell]
        return [as_text(item) for item in value]
    return [cell] if cell.strip() else []
