"""Input fields and the label in; the fields whose value alone gives the label away are taken out."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping

from unified_assets.records.columns import Column

MIN_ROWS = 20
MANY_ROWS = 50  # with more records than this, a few exceptions do not clear a field
CERTAIN = 0.98
_WORD = re.compile(r"\w+")


def without_leaks(inputs: tuple[tuple[str, str], ...], table: Mapping[str, Column], target: Column) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """(inputs left, "field: reason" of those taken out). Never takes the last input."""
    kept: list[tuple[str, str]] = []
    reasons: list[str] = []
    for place, (role, name) in enumerate(inputs):
        last = not kept and place == len(inputs) - 1
        if not last and gives_away(table[name], target):
            reasons.append(f"{name}: each of its {table[name].distinct} values stands with one label only")
        elif not last and (telling := _telling(table[name], target)):
            reasons.append(f"{name}: {telling}, barred")
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


def _telling(column: Column, target: Column) -> str:
    """How a field alone tells the label of nearly all records; "" where it does not."""
    rows = [
        (value.strip().lower(), label.strip().lower()) for value, label in zip(column.values, target.values, strict=True) if value.strip() and label.strip()
    ]
    if len(set(rows)) < 2 or len(rows) <= MANY_ROWS or target.distinct < 2:
        return ""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for value, label in rows:
        counts[value][label] += 1
    if column.distinct >= 2 and (share := sum(_by_the_others(counts[value], label) for value, label in rows) / len(rows)) >= CERTAIN:
        return f"its value alone tells {share:.0%} of the labels"
    named = sum(label in {words[0], words[-1]} for value, label in rows if (words := _WORD.findall(value))) / len(rows)
    return f"its first or last word is the label in {named:.0%} of the records" if named >= CERTAIN else ""


def _by_the_others(counts: Counter[str], label: str) -> bool:
    """Whether the other records of the same value mostly have this label."""
    mine = counts[label] - 1
    return mine > 0 and all(mine >= count for other, count in counts.most_common(2) if other != label)
