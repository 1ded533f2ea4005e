"""The rows of a task and what the catalog knows of their files in; what format, size or duration alone tell of the label out.

A suspect is named, not hidden: models are given decoded content, never a file's container, size or name.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from unified_assets.allocation.units import OPTION_WORDS, Row

EXACT = ("media_type", "sample_rate_hz", "channels")
SIZES = ("size_bytes", "duration_s", "width", "height")
NEIGHBOURS = 5
MOST_COMPARED = 1000  # files that are compared with each other
MIN_ALONE = 8  # files of a class that a value stands for
CERTAIN = 0.98
GAIN = 0.1  # above the majority class, and beyond what is met by chance
STANDARD_ERRORS = 3
MIN_ROWS = 24
SHORTCUT = 0.7  # of the questions it decides
PARTS = 8  # equal parts of sizes and durations


def suspects(rows: Sequence[Row], files: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """`column: reason` for each that predicts the label of the others much better than the majority class does."""
    own = [
        (row.target or "", files[row.inputs[0]["path"]])
        for row in rows
        if row.kind == "classification" and len(row.inputs) == 1 and row.inputs[0]["text"] is None
    ]
    if len(own) < MIN_ROWS:
        return []
    labels = [label for label, _ in own]
    majority = max(Counter(labels).values()) / len(labels)
    by_chance = majority + max(GAIN, STANDARD_ERRORS * (majority * (1 - majority) / len(labels)) ** 0.5)
    found = []
    for column in EXACT:
        found += _stands_for(column, [file.get(column) for _, file in own], labels)
    for column in ("media_type", *SIZES):
        values = [file.get(column) for _, file in own]
        score = _left_one_out(values if column == "media_type" else _parts(values), labels)
        if score is not None and score > by_chance:
            found.append(f"{column}: tells {score:.0%} of the labels on its own (the majority class {majority:.0%}); suspect, kept out of the inputs")
    together = _together([file for _, file in own], labels)
    if together is not None and together > by_chance:
        found.append(
            f"container, size and duration together: tell {together:.0%} of the labels (the majority class {majority:.0%}); suspect, kept out of the inputs"
        )
    return found


def _together(files: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> float | None:
    """How often the nearest other files by container, rate, size and duration have the label; each file once."""
    once = {file["path"]: (file, label) for file, label in zip(files, labels, strict=True)}
    step = max(1, len(once) // MOST_COMPARED)
    chosen = list(once.values())[::step]
    if len(chosen) < MIN_ROWS:
        return None
    exact = [[str(file.get(column)) for column in EXACT] for file, _ in chosen]
    columns = [[float(row[place] == value) for row in exact] for place in range(len(EXACT)) for value in sorted({row[place] for row in exact})]
    columns += [[np.log1p(file.get(column) or 0.0) for file, _ in chosen] for column in SIZES]
    points = np.asarray(columns).T  # (files, features)
    spread = points.std(axis=0)
    points = (points / np.where(spread > 0, spread, 1.0))[:, spread > 0]
    if not points.shape[1]:
        return None
    hits = 0
    targets = np.asarray([label for _, label in chosen])
    for place, point in enumerate(points):
        distance = ((points - point) ** 2).sum(axis=1)
        distance[place] = np.inf
        nearest = targets[np.argpartition(distance, NEIGHBOURS)[:NEIGHBOURS]]
        hits += Counter(nearest.tolist()).most_common(1)[0][0] == targets[place]
    return hits / len(chosen)


def _stands_for(column: str, values: Sequence[Any], labels: Sequence[str]) -> list[str]:
    """Values that nearly all files of one class have, and nearly no others."""
    found = []
    of_class = Counter(labels)
    for value, count in sorted(Counter(value for value in values if value is not None).items(), key=str):
        label, hits = Counter(label for one, label in zip(values, labels, strict=True) if one == value).most_common(1)[0]
        if MIN_ALONE <= count < len(values) and hits >= CERTAIN * count and hits >= CERTAIN * of_class[label]:
            found.append(f"{column}: {value} stands for the class {label} ({hits} of its {of_class[label]} files); kept out of the inputs")
    return found


def shortcut(rows: Sequence[Row]) -> list[str]:
    """Whether an option that was met in train tells the right one of a test question: options borrowed from other questions."""
    if not rows or rows[0].kind != "choice":
        return []
    met = {text for row in rows if row.split == "train" for text in _options(row)}
    decided = hits = 0
    for row in rows:
        seen = [text in met for text in _options(row)] if row.split == "test" else []
        if seen.count(False) == 1 and len(seen) > 1:
            decided += 1
            hits += seen.index(False) == int(row.target or -1)
    if decided < MIN_ROWS or hits < SHORTCUT * decided:
        return []
    return [f"shortcut: the one option that was not met in train is right in {hits} of {decided} test questions; options stand on both sides"]


def _options(row: Row) -> list[str]:
    return [value["text"] or "" for value in row.inputs if value["role"] == "option" and len((value["text"] or "").split()) >= OPTION_WORDS]


def _parts(values: Sequence[Any]) -> list[Any]:
    """Numbers as which of eight equal parts they lie in."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return [None] * len(values)
    edges = sorted({known[len(known) * part // PARTS] for part in range(1, PARTS)})
    return [None if value is None else sum(value >= edge for edge in edges) for value in values]


def _left_one_out(values: Sequence[Any], labels: Sequence[str]) -> float | None:
    """How often the most frequent label of the others with the same value is right; None where there is one value only."""
    counts: dict[Any, Counter[str]] = defaultdict(Counter)
    for value, label in zip(values, labels, strict=True):
        counts[value][label] += 1
    if len(counts) < 2 or None in counts:
        return None
    hits = sum(_without(counts[value], label) for value, label in zip(values, labels, strict=True))
    return hits / len(labels)


def _without(counts: Counter[str], label: str) -> bool:
    best = counts.most_common(2)
    mine = counts[label] - 1
    return all(mine >= count for other, count in best if other != label) and mine > 0
