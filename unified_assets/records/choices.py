"""Fields that hold the options of a question in; the options of each row and how the label counts them out."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from unified_assets.records.columns import Column, as_list
from unified_assets.records.vocabulary import normal

_NUMBERED = re.compile(r"^(hypothesis|choice|option|opt|alternative|alt|answer|ending|sol|a)_?([0-9]|[a-e])$")
_MARK = re.compile(r"^\s*\(?([A-Ha-h]|\d)\s*[).:]\s*")
_LIST_NAMES = frozenset({"options", "choices", "alternatives", "candidates", "answers", "endings"})
TRUTH = frozenset({"true", "false", "unknown", "uncertain", "yes", "no", "neither"})


@dataclass(frozen=True, kw_only=True)
class Options:
    """Either one field with a list, or several fields in order."""

    fields: tuple[str, ...]
    listed: bool

    def of(self, row: Mapping[str, str]) -> tuple[str, ...]:
        """The option texts of a row, without their `A)` marks."""
        found = as_list(row.get(self.fields[0], "")) if self.listed else tuple(row.get(name, "") for name in self.fields)
        return tuple(_MARK.sub("", text).strip() for text in found)


def options_of(free: Mapping[str, Column]) -> Options | None:
    """The field or fields that hold options, or None."""
    for name, column in free.items():
        if normal(name) in _LIST_NAMES and column.share > 0.9 and column.listed > 0.9:
            return Options(fields=(name,), listed=True)
    families: dict[str, dict[str, str]] = defaultdict(dict)
    for name, column in free.items():
        match = _NUMBERED.match(normal(name))
        if match and column.share > 0.9 and column.distinct > 2:
            families[match.group(1)][match.group(2)] = name
    best = max(families.values(), key=len, default={})
    return Options(fields=tuple(best[key] for key in sorted(best)), listed=False) if len(best) >= 2 else None


def constant_options(options: Options, table: Mapping[str, Column]) -> tuple[str, ...]:
    """The truth words that are the options of every row, or ()."""
    if not options.listed:
        return ()
    found = {options.of({options.fields[0]: value}) for value in set(table[options.fields[0]].filled)}
    if len(found) != 1:
        return ()
    only = next(iter(found))
    return only if {text.lower() for text in only} <= TRUTH else ()


def index_base(target: Column, options: Options, table: Mapping[str, Column]) -> int | None:
    """How the label names an option: 0 or 1 for numbers counted from there, -1 for letters, -2 for its text; None for neither."""
    values = {value.strip() for value in target.filled}
    if all(re.fullmatch(r"[A-Ha-h]", value) for value in values):
        return -1
    if all(value.isdigit() and len(value) == 1 for value in values):
        return 0 if "0" in values else 1
    rows = [dict(zip(options.fields, cells, strict=True)) for cells in zip(*(table[name].values for name in options.fields), strict=True)][:200]
    matching = sum(_place(label, options.of(row)) is not None for label, row in zip(target.values, rows, strict=False))
    return -2 if matching > 0.95 * len(rows) else None


def option_index(label: str, texts: tuple[str, ...], base: int) -> int | None:
    """The index of the right option, from 0; None where the label names none."""
    label = label.strip()
    if base == -2:
        return _place(label, texts)
    index = ord(label.upper()) - ord("A") if base == -1 and len(label) == 1 else int(label) - base if label.isdigit() else -1
    return index if 0 <= index < len(texts) else None


def _place(label: str, texts: tuple[str, ...]) -> int | None:
    wanted = _MARK.sub("", label).strip().lower()
    found = [place for place, text in enumerate(texts) if text.lower() == wanted]
    return found[0] if len(found) == 1 else None
