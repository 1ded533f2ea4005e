"""Input fields and the label in; the fields whose value alone gives the label away are taken out, and what others tell is measured."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from unified_assets.records.columns import Column

MIN_ROWS = 20
MANY_ROWS = 50  # with more records than this, a few exceptions do not clear a field
CERTAIN = 0.98
MEASURED = 2000  # records that a field is measured on
MOST_CLASSES = 200
SEEN = 2000  # characters at either end of a long value
GAIN = 0.1  # above the majority class, to be said
MIN_VOTES = 3
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


def measure(column: Column, target: Column) -> str:
    """What a field that is kept out tells of the label, as text; "" where it is not much more than the majority class does."""
    step = max(1, len(column.values) // MEASURED)
    pairs = zip(column.values[::step], target.values[::step], strict=True)
    rows = [(_ends(value.strip()), label.strip()) for value, label in pairs if value.strip() and label.strip()]
    labels = {label for _, label in rows}
    if len(rows) < MIN_ROWS or not 2 <= len(labels) <= MOST_CLASSES:
        return ""
    majority = max(Counter(label for _, label in rows).values()) / len(rows)
    ways = {"the label that is named most in it": _most_named, "the label that is named last in it": _last_named}
    shares = {how: sum(way(value, labels) == label for value, label in rows) / len(rows) for how, way in ways.items()}
    shares["its value alone"] = _by_value(rows)
    for key, values in _inner(rows).items():
        shares[f"its {key} alone"] = _by_value(values) * len(values) / len(rows)
    how = max(shares, key=shares.__getitem__)
    said = f"{how} is right in {shares[how]:.0%} of the records (the majority class in {majority:.0%})" if shares[how] > majority + GAIN else ""
    split = _disagreement(rows, labels)
    return "; ".join(part for part in (said, f"the votes differ in {split:.0%} of them" if split is not None else "") if part)


def _ends(value: str) -> str:
    """A value, of a long one its beginning and its end."""
    return value if len(value) <= 2 * SEEN else f"{value[:SEEN]} {value[-SEEN:]}"


def _named(value: str, labels: set[str]) -> list[str]:
    """The labels that stand in a text as words, in order; letters as they are written, other labels in any case."""
    if all(len(label) == 1 for label in labels):
        return [word for word in _WORD.findall(value) if word in labels]
    lower = {label.lower(): label for label in labels}
    return [lower[word] for word in _WORD.findall(value.lower()) if word in lower]


def _most_named(value: str, labels: set[str]) -> str:
    return next(iter(Counter(_named(value, labels)).most_common(1)), ("", 0))[0]


def _last_named(value: str, labels: set[str]) -> str:
    return next(reversed(_named(value, labels)), "")


def _by_value(rows: Sequence[tuple[str, str]]) -> float:
    """How often the other records of the same value have the label."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for value, label in rows:
        counts[value][label] += 1
    return sum(_by_the_others(counts[value], label) for value, label in rows) / max(1, len(rows))


def _objects(rows: Sequence[tuple[str, str]]) -> Iterator[tuple[dict[str, object], str]]:
    for value, label in rows:
        if value.startswith("{"):
            try:
                found = json.loads(value)
            except (ValueError, RecursionError):
                continue
            yield found, label


def _inner(rows: Sequence[tuple[str, str]]) -> dict[str, list[tuple[str, str]]]:
    """The rows of each plain part of a nested field."""
    parts: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for found, label in _objects(rows):
        for key, value in found.items():
            if isinstance(value, str | int | float | bool):
                parts[key].append((str(value), label))
    return parts


def _disagreement(rows: Sequence[tuple[str, str]], labels: set[str]) -> float | None:
    """Share of records whose votes are not all the same; None where the field holds no votes."""
    known = {label.lower() for label in labels}
    votes = [[str(value).lower() for value in found.values()] for found, _ in _objects(rows)]
    votes = [one for one in votes if sum(vote in known for vote in one) >= MIN_VOTES]
    return sum(len(set(one)) > 1 for one in votes) / len(votes) if len(votes) >= max(MIN_ROWS, len(rows) // 2) else None
