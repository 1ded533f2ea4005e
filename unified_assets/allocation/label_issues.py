"""What allocation left out and decided in; contradictory labels and rare classes for a person to look at, with pictures, out."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import polars as pl

from unified_assets.allocation.units import CONTRADICTORY, Left
from unified_assets.core.settings import Settings
from unified_assets.pages import html
from unified_assets.quality.report import previews

SHOWN = 40  # contradictions in all, the first of each task before the second of any
PICTURED, SIDE = 6, 96  # thumbnails, pixels
RARE = 10.0  # times the examples of its smallest class has the largest class of a task that is told
_FILES, _CHARACTERS = 4, 200


class LabelIssues(NamedTuple):
    """`contradictions`: task → contents with several labels. `shown`: some of them. `imbalance`: tasks with a rare class."""

    contradictions: Mapping[str, int]
    shown: tuple[Mapping[str, str], ...]  # task, problem, files, text
    imbalance: tuple[Mapping[str, str | int | float], ...]  # task, largest, examples, smallest, of_smallest, times
    pictures: tuple[Mapping[str, str], ...]  # issue, path, detail, thumbnail: a data URI


def find_label_issues(settings: Settings, catalog: pl.DataFrame, left: Iterable[Left], examples: pl.DataFrame) -> LabelIssues:
    """Collect them. left: of contents with several labels. Decodes the few files that it pictures, in guarded workers."""
    groups: dict[str, dict[str, list[Left]]] = defaultdict(lambda: defaultdict(list))
    for item in left:
        groups[item.task][item.unit].append(item)
    turns = sorted((turn, task, unit) for task, units in groups.items() for turn, unit in enumerate(units))[:SHOWN]
    chosen = [groups[task][unit] for _, task, unit in sorted(turns, key=lambda one: (one[1], one[0]))]
    return LabelIssues(
        contradictions={task: len(groups[task]) for task in sorted(groups)},
        shown=tuple(map(_shown, chosen)),
        imbalance=tuple(_imbalance(examples)),
        pictures=tuple(_pictures(settings, catalog, chosen)),
    )


def _shown(same: list[Left]) -> dict[str, str]:
    paths = list(dict.fromkeys(item.path for item in same))
    more = f" and {len(paths) - _FILES} more" if len(paths) > _FILES else ""
    problem = same[0].reason.removeprefix(f"{CONTRADICTORY}: ")
    return {"task": same[0].task, "problem": problem, "files": ", ".join(paths[:_FILES]) + more, "text": same[0].text[:_CHARACTERS]}


def _imbalance(examples: pl.DataFrame) -> Iterable[dict[str, str | int | float]]:
    """Tasks of classes whose largest has many times the training examples of the smallest, worst first."""
    learned = examples.filter((pl.col("kind") == "classification") & (pl.col("split") == "train") & pl.col("target").is_not_null())
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for task, target, number in learned.unique(["example_id"]).group_by("task", "target").len().iter_rows():
        counts[task][target] = number
    found: list[dict[str, str | int | float]] = []
    for task in sorted(counts):
        (largest, most), (smallest, least) = (pick(counts[task].items(), key=lambda pair: (pair[1], pair[0])) for pick in (max, min))
        if most >= RARE * least:
            found.append({"task": task, "largest": largest, "examples": most, "smallest": smallest, "of_smallest": least, "times": round(most / least, 1)})
    return sorted(found, key=lambda row: -float(row["times"]))


def _pictures(settings: Settings, catalog: pl.DataFrame, chosen: Iterable[list[Left]]) -> Iterable[dict[str, str]]:
    """A thumbnail of each contradictory content that is no record."""
    media = [same for same in chosen if not same[0].text][:PICTURED]
    found = previews(settings, catalog, {same[0].path for same in media})
    for same in media:
        pixels = found.get(same[0].path)
        if isinstance(pixels, np.ndarray):
            told = _shown(same)
            yield {"issue": CONTRADICTORY, "path": told["files"], "detail": told["problem"], "thumbnail": html.thumbnail(pixels, SIDE)}
