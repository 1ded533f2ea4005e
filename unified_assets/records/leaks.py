"""Input fields and the label in; the fields whose value alone gives the label away are taken out."""

from collections import defaultdict
from collections.abc import Mapping

from unified_assets.records.columns import Column

MIN_ROWS = 20


def without_leaks(inputs: tuple[tuple[str, str], ...], table: Mapping[str, Column], target: Column) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """(inputs left, "field: reason" of those taken out). Never takes the last input."""
    kept: list[tuple[str, str]] = []
    reasons: list[str] = []
    for place, (role, name) in enumerate(inputs):
        last = not kept and place == len(inputs) - 1
        if not last and gives_away(table[name], target):
            reasons.append(f"{name}: each of its {table[name].distinct} values stands with one label only")
        else:
            kept.append((role, name))
    return tuple(kept), tuple(reasons)


def gives_away(column: Column, target: Column) -> bool:
    """Whether few, often repeated values each stand with one label only, though there are several labels."""
    rows = len(column.filled)
    if rows < MIN_ROWS or target.distinct < 2 or column.distinct > rows / 3 or column.distinct < 2:
        return False
    labels: dict[str, set[str]] = defaultdict(set)
    for value, label in zip(column.values, target.values, strict=True):
        labels[value].add(label)
    return all(len(found) == 1 for found in labels.values())
