"""Rows of the walk in; catalog rows out, a shard at a time. Every file is looked into by guarded worker processes.

First all files of a shard are surveyed: one open, one read, no native decoder. Those whose headers leave a question go to a second
pool, whose processes have the decoders loaded.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from unified_assets.compute.pools import Pool, pool_of
from unified_assets.compute.progress import Progress, progress
from unified_assets.compute.workers import Outcome
from unified_assets.core import tables
from unified_assets.core.paths import decode_path
from unified_assets.core.settings import Settings
from unified_assets.files import detection
from unified_assets.files.deciding import Kind, decide_file, load_decoders, probe_file
from unified_assets.files.opening import Folders
from unified_assets.files.surveying import LARGE_BYTES, UNDECIDED, Row, Surveyed, Verdict, identify_file, survey_file

SHARD = 20_000  # files that are Python objects at one time: memory stays flat, whatever the lake holds
LARGE_BYTES_PER_S = 20e6  # what a large file is given time for, beyond the limit of all files
_KEY = ["path", "size_bytes", "mtime_ns", "inode"]
_FIXED = ["file_id", "modality", "media_type", "extension_agrees", "status", "reason"]
_WORKER_FAILURES = ("crash", "timeout", "out_of_memory")
Log = Callable[[str], None]


def irregular(fresh: pl.DataFrame) -> pl.DataFrame:
    """Rows for what is no regular file or cannot be listed."""
    rows = fresh.filter(pl.col("reason").is_not_null())
    return _conform(rows.with_columns(modality=pl.lit("other"), extension_agrees=pl.lit(value=True), status=pl.lit("unreadable")))


def examined(settings: Settings, fresh: pl.DataFrame, log: Log) -> Iterator[pl.DataFrame]:
    """Rows for the regular files of `fresh`. Large files have a time limit of their own and come last."""
    regular = fresh.filter(pl.col("reason").is_null()).select(_KEY)
    small, large = regular.filter(pl.col("size_bytes") < LARGE_BYTES), regular.filter(pl.col("size_bytes") >= LARGE_BYTES)
    with (
        progress(settings.state, "scan", regular.height, log) as told,
        pool_of(settings, partial(survey_file, Folders(str(settings.raw)), detection.kinds())) as surveyors,
        ExitStack() as later,
    ):
        deciders: Pool | None = None
        for part in small.iter_slices(SHARD):
            items = part.rows()
            results = _surveyed(settings, surveyors, items, told)
            asked = _open_questions(items, results)
            if asked and deciders is None:
                needed = partial(load_decoders, sorted({kind[0] for _, kind in asked.values()}))
                deciders = later.enter_context(pool_of(settings, partial(decide_file, settings.raw), prepare=needed))
            if deciders is not None:
                _decide(deciders, asked, results)
            yield _frame(part, results)
    for part in large.iter_slices(1):
        yield _frame(part, [_large(settings, part.row(0))])


def _surveyed(settings: Settings, pool: Pool, items: Sequence[Row], told: Progress) -> list[Sequence[Any]]:
    """What the survey says of each item; those that broke their worker are quarantined, and at least identified."""
    results: list[Sequence[Any]] = [()] * len(items)
    broken: list[Outcome] = []
    for outcome in pool.map(items):
        told.add()
        if outcome.reason is None:
            results[outcome.index] = outcome.value
        elif outcome.reason in _WORKER_FAILURES:
            broken.append(outcome)
        else:
            results[outcome.index] = _failed(outcome)
    if broken:
        with pool_of(settings, partial(identify_file, Folders(str(settings.raw)), detection.kinds())) as identifiers:
            for again in identifiers.map([items[outcome.index] for outcome in broken]):
                failure = broken[again.index]
                identified = again.value if again.reason is None else _failed(failure)
                results[failure.index] = _judged(identified, _broken(failure))
    return results


def _open_questions(items: Sequence[Row], results: Sequence[Sequence[Any]]) -> dict[int, tuple[Row, Kind]]:
    """What the survey left to the decoders, by position."""
    return {index: (items[index], (result[1], result[2])) for index, result in enumerate(results) if result[4] == UNDECIDED}


def _decide(pool: Pool, asked: Mapping[int, tuple[Row, Kind]], results: list[Sequence[Any]]) -> None:
    """Put the decoders' verdicts into `results`."""
    at = list(asked)
    for outcome in pool.map(list(asked.values())):
        index = at[outcome.index]
        if outcome.reason is None:
            results[index] = _judged(results[index], outcome.value)
        elif outcome.reason in _WORKER_FAILURES:
            results[index] = _judged(results[index], _broken(outcome))
        else:
            results[index] = _failed(outcome)


def _large(settings: Settings, item: Row) -> Sequence[Any]:
    extra_s = _allocated(settings.raw, item) / LARGE_BYTES_PER_S
    with pool_of(settings, partial(probe_file, settings.raw), prepare=partial(load_decoders, ["audio", "video"]), extra_s=extra_s) as pool:
        outcome = next(pool.map([item]))
    if outcome.reason not in _WORKER_FAILURES:
        return _failed(outcome) if outcome.reason is not None else tuple(outcome.value)
    with pool_of(settings, partial(identify_file, Folders(str(settings.raw)), detection.kinds()), extra_s=extra_s) as pool:
        again = next(pool.map([item]))
    return _judged(again.value if again.reason is None else _failed(outcome), _broken(outcome))


def _judged(surveyed: Sequence[Any], verdict: Verdict) -> Sequence[Any]:
    """What was identified, with the verdict on it."""
    return (*surveyed[:4], *verdict)


def _broken(outcome: Outcome) -> Verdict:
    return "quarantined", outcome.reason, {"probe_extra": json.dumps({"detail": outcome.detail})}


def _failed(outcome: Outcome) -> Surveyed:
    """A file that could not be opened, or broke its worker even when it was only identified, is a row too."""
    status = "quarantined" if outcome.reason in _WORKER_FAILURES else "unreadable"
    detail = {"probe_extra": json.dumps({"detail": outcome.detail})} if outcome.detail else {}
    return Surveyed(None, "other", None, True, status, outcome.reason, detail)


def _allocated(root: Path, item: Row) -> int:
    """Bytes a file has on disk: a sparse terabyte has none, and is not worth hours."""
    try:
        return (root / os.fsdecode(decode_path(item[0]))).lstat().st_blocks * 512
    except OSError:
        return 0


def _frame(part: pl.DataFrame, results: Sequence[Sequence[Any]]) -> pl.DataFrame:
    """Catalog rows: the columns of the walk, and what the workers said of each of its rows."""
    assert len(results) == part.height
    *fixed, probed = zip(*results, strict=True)
    told: dict[str, list[Any]] = {}
    for row, values in enumerate(probed):
        for name, value in values.items():
            if name not in told:
                told[name] = [None] * part.height
            told[name][row] = value
    found = [pl.Series(name, values, dtype=tables.CATALOG[name], strict=False) for name, values in (*zip(_FIXED, fixed, strict=True), *told.items())]
    return _conform(part.with_columns(found))


def _conform(rows: pl.DataFrame) -> pl.DataFrame:
    absent = [pl.lit(None).cast(dtype).alias(name) for name, dtype in tables.CATALOG.items() if name not in rows.columns]
    return rows.with_columns(absent).select([pl.col(name).cast(dtype) for name, dtype in tables.CATALOG.items()])
