"""Rows of the walk in; catalog rows out, a shard at a time: each file is looked into by a guarded worker process."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from unified_assets.catalog.probing import LARGE_BYTES, Listed, Probed, identify_file, probe_file
from unified_assets.compute.inventory import usable_cores
from unified_assets.compute.progress import progress
from unified_assets.compute.workers import Outcome, WorkerPool
from unified_assets.core import tables
from unified_assets.core.paths import decode_path
from unified_assets.core.settings import Settings

SHARD = 20_000  # files that are Python objects at one time: memory stays flat, whatever the lake holds
LARGE_BYTES_PER_S = 20e6  # what a large file is given time for, beyond the limit of all files
_KEY = ["path", "size_bytes", "mtime_ns", "inode"]
_WORKER_FAILURES = ("crash", "timeout", "out_of_memory")


def irregular(fresh: pl.DataFrame) -> pl.DataFrame:
    """Rows for what is no regular file or cannot be listed."""
    rows = fresh.filter(pl.col("reason").is_not_null())
    return _conform(rows.with_columns(modality=pl.lit("other"), extension_agrees=pl.lit(value=True), status=pl.lit("unreadable")))


def examined(settings: Settings, fresh: pl.DataFrame, log: Callable[[str], None]) -> Iterator[pl.DataFrame]:
    """Rows for the regular files of `fresh`. Large files have a time limit of their own and come last."""
    regular = fresh.filter(pl.col("reason").is_null()).select(_KEY)
    small, large = regular.filter(pl.col("size_bytes") < LARGE_BYTES), regular.filter(pl.col("size_bytes") >= LARGE_BYTES)
    with progress(settings.state, "scan", regular.height, log) as told, _pool(probe_file, settings, settings.file_timeout_s) as pool:
        for part in small.iter_slices(SHARD):
            items = [Listed(*row) for row in part.iter_rows()]
            results: list[Probed | None] = [None] * len(items)
            broken: list[tuple[int, Outcome]] = []
            for outcome in pool.map(items):
                told.add()
                if outcome.reason in _WORKER_FAILURES:
                    broken.append((outcome.index, outcome))
                else:
                    results[outcome.index] = _result(outcome)
            for index, result in _identified(settings, items, broken):
                results[index] = result
            yield _frame(items, results)
    for row in large.iter_rows():
        item = Listed(*row)
        with _pool(probe_file, settings, settings.file_timeout_s + _allocated(settings.raw, item) / LARGE_BYTES_PER_S) as pool:
            outcome = next(pool.map([item]))
        alone = dict(_identified(settings, [item], [(0, outcome)])) if outcome.reason in _WORKER_FAILURES else {0: _result(outcome)}
        yield _frame([item], [alone[0]])


def _pool(function: Callable[[Path, Listed], Probed], settings: Settings, timeout_s: float) -> WorkerPool:
    workers = settings.workers or usable_cores()
    return WorkerPool(partial(function, settings.raw), workers=workers, timeout_s=timeout_s, memory_mib=settings.file_memory_mib)


def _identified(settings: Settings, items: Sequence[Listed], broken: Sequence[tuple[int, Outcome]]) -> Iterator[tuple[int, Probed]]:
    """What broke its worker is at least identified."""
    if not broken:
        return
    with _pool(identify_file, settings, settings.file_timeout_s) as pool:
        for again in pool.map([items[index] for index, _ in broken]):
            index, failure = broken[again.index]
            detail = {"probe_extra": json.dumps({"detail": failure.detail})}
            yield index, again.value._replace(status="quarantined", reason=failure.reason, columns=detail) if again.reason is None else _result(failure)


def _result(outcome: Outcome) -> Probed:
    """A file that could not be opened, or broke its worker even when it was only identified, is a row too."""
    if outcome.reason is None:
        assert isinstance(outcome.value, Probed)
        return outcome.value
    status = "quarantined" if outcome.reason in _WORKER_FAILURES else "unreadable"
    detail = {"probe_extra": json.dumps({"detail": outcome.detail})} if outcome.detail else {}
    return Probed(None, "other", None, True, status, outcome.reason, detail)


def _allocated(root: Path, item: Listed) -> int:
    """Bytes a file has on disk: a sparse terabyte has none, and is not worth hours."""
    try:
        return (root / os.fsdecode(decode_path(item.path))).lstat().st_blocks * 512
    except OSError:
        return 0


def _frame(items: Sequence[Listed], given: Sequence[Probed | None]) -> pl.DataFrame:
    """Columns of catalog rows from what the workers said, in the order of `items`."""
    results = [result for result in given if result is not None]
    assert len(results) == len(items)
    fixed = [name for name in Probed._fields if name != "columns"]
    data: dict[str, list[Any]] = {name: [getattr(item, name) for item in items] for name in _KEY}
    data |= {name: [getattr(result, name) for result in results] for name in fixed}
    told = {name for result in results for name in result.columns}
    data |= {name: [result.columns.get(name) for result in results] if name in told else [None] * len(items) for name in tables.CATALOG if name not in data}
    return pl.DataFrame({name: pl.Series(name, data[name], dtype=dtype, strict=False) for name, dtype in tables.CATALOG.items()})


def _conform(rows: pl.DataFrame) -> pl.DataFrame:
    absent = [pl.lit(None).cast(dtype).alias(name) for name, dtype in tables.CATALOG.items() if name not in rows.columns]
    return rows.with_columns(absent).select([pl.col(name).cast(dtype) for name, dtype in tables.CATALOG.items()])
