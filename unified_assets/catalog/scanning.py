"""Settings in; a catalog that matches the raw files, published if anything changed, out.

Unchanged files are recognised by path, size, time and inode (an anti-join); a rescan costs what changed.
"""

import importlib.util
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import xxhash

from unified_assets.catalog.ignoring import ignored_paths
from unified_assets.catalog.probing import LARGE_BYTES, NEEDS_INSTALL, STILL_WRITTEN, Listed, Probed, identify_file, probe_file
from unified_assets.catalog.walking import walk
from unified_assets.compute.workers import Outcome, WorkerPool
from unified_assets.core import plugins, tables
from unified_assets.core.errors import InvalidSetting, StaleSchema, UnreadableFile
from unified_assets.core.paths import decode_path
from unified_assets.core.settings import Settings
from unified_assets.files import open_regular
from unified_assets.store.local import Store, write_table, write_text

DETECTOR_VERSION = 2  # raise it when detection or a probe gives other rows for the same bytes
LARGE_BYTES_PER_S = 20e6  # what a large file is given time for, beyond the limit of all files
_KEY = ["path", "size_bytes", "mtime_ns", "inode"]
_MEANING = ["path", "file_id", "size_bytes", "modality", "media_type", "extension_agrees", "status", "reason"]
_RETRIED = ("no_permission", "io_error", "not_found", STILL_WRITTEN)
_WORKER_FAILURES = ("crash", "timeout", "out_of_memory")
_MANIFEST = "manifest.json"
_LOG_EVERY_S = 5.0


@dataclass(frozen=True, kw_only=True)
class ScanSummary:
    """What a scan found. `digests` change with what the files of a modality are, not with their times or inodes."""

    files: Mapping[str, int]
    digests: Mapping[str, str]
    added: int
    changed: int
    removed: int
    unchanged: int
    seconds: float
    published: bool


def scan(settings: Settings, log: Callable[[str], None] = lambda _: None) -> ScanSummary:
    """Bring the catalog up to date. Raises InvalidSetting where the raw root is no folder, StateBelongsElsewhere for another root's state."""
    started = time.monotonic()
    settings = settings.absolute()
    if not settings.raw.is_dir():
        raise InvalidSetting(
            source="settings", field="raw", value=str(settings.raw), problem="it is not a folder", fix="Name the folder that holds the raw files: `--raw`."
        )
    store = Store(settings.state)
    store.bind(settings.raw)
    with store.lock("scan"):
        previous, valid = _previous(store)
        listed = walk(settings.raw, ignored_paths(settings), besides=settings.state)
        kept = _kept(previous, listed, settings.raw) if valid else previous.clear()
        fresh = listed.join(kept, on="path", how="anti")
        catalog = pl.concat([kept, _irregular(fresh), _probed(settings, fresh, log)]).sort("path")
        published = not valid or not catalog.equals(previous)
        if published:
            store.publish("catalog", partial(_write, catalog=catalog))
    changes = _compare(previous, catalog)
    summary = ScanSummary(**_census(catalog), **changes, seconds=time.monotonic() - started, published=published)
    log(f"{catalog.height} paths: {summary.added} added, {summary.changed} changed, {summary.removed} removed, {summary.unchanged} unchanged")
    return summary


def _previous(store: Store) -> tuple[pl.DataFrame, bool]:
    """The catalog in force, and whether its rows may be kept: the same detector and plug-ins made them."""
    version = store.current("catalog")
    try:
        if version is not None:
            manifest = json.loads((version / _MANIFEST).read_text(encoding="utf-8"))
            return store.table("catalog").select(list(tables.CATALOG)).sort("path"), manifest == _manifest()
    except (StaleSchema, OSError, ValueError):
        pass  # another program version wrote it: the scan rebuilds it
    return pl.DataFrame(schema=dict(tables.CATALOG)), False


def _manifest() -> dict[str, Any]:
    return {"detector": DETECTOR_VERSION, "modalities": {name: sorted(value.media_types) for name, value in plugins.modalities().items()}}


def _write(folder: Path, catalog: pl.DataFrame) -> None:
    write_table(folder, "catalog", catalog)
    write_text(folder / _MANIFEST, json.dumps(_manifest()) + "\n")


def _kept(previous: pl.DataFrame, listed: pl.DataFrame, root: Path) -> pl.DataFrame:
    """Rows that still hold: same path, size, time and inode, and nothing that another attempt would mend."""
    retried = [*_RETRIED, *([NEEDS_INSTALL] if importlib.util.find_spec("av") is not None else [])]
    forbidden = previous.filter(pl.col("reason") == "no_permission")["path"]
    still_forbidden = [path for path in forbidden if _opening_problem(root, path) == "no_permission"]
    mendable = pl.col("reason").fill_null("").is_in(retried) & ~pl.col("path").is_in(still_forbidden)
    return previous.filter(~mendable).join(listed.filter(pl.col("reason").is_null() | (pl.col("reason") == "link")), on=_KEY, how="semi")


def _opening_problem(root: Path, path: str) -> str | None:
    try:
        open_regular(root, path).close()
    except UnreadableFile as error:
        return error.reason
    return None


def _irregular(fresh: pl.DataFrame) -> pl.DataFrame:
    """Rows for what is no regular file or cannot be listed."""
    rows = fresh.filter(pl.col("reason").is_not_null())
    return _conform(rows.with_columns(modality=pl.lit("other"), extension_agrees=pl.lit(value=True), status=pl.lit("unreadable")))


def _probed(settings: Settings, fresh: pl.DataFrame, log: Callable[[str], None]) -> pl.DataFrame:
    items = [Listed(*row) for row in fresh.filter(pl.col("reason").is_null()).select(_KEY).iter_rows()]
    results: list[Probed | None] = [None] * len(items)
    logged = time.monotonic()
    for done, outcome in enumerate(_outcomes(settings, items), start=1):
        results[outcome.index] = outcome.value if outcome.reason is None else _failed(outcome)
        if time.monotonic() - logged >= _LOG_EVERY_S:
            logged = time.monotonic()
            log(f"probed {done} of {len(items)} new or changed files")
    return _frame(items, [result for result in results if result is not None])


def _outcomes(settings: Settings, items: Sequence[Listed]) -> Iterator[Outcome]:
    """One outcome for each item. Large files have a time limit of their own; what broke its worker is at least identified."""
    broken: dict[int, Outcome] = {}
    for wave, timeout_s in _waves(settings, items):
        for outcome in _run(probe_file, settings, items, wave, timeout_s):
            if outcome.reason in _WORKER_FAILURES:
                broken[outcome.index] = outcome
            else:
                yield outcome
    for again in _run(identify_file, settings, items, sorted(broken), settings.file_timeout_s):
        failure = broken[again.index]
        if again.reason is None:
            detail = {"probe_extra": json.dumps({"detail": failure.detail})}
            yield Outcome(again.index, again.value._replace(status="quarantined", reason=failure.reason, columns=detail))
        else:
            yield failure


def _run(function: Callable[[Path, Listed], Probed], settings: Settings, items: Sequence[Listed], wave: Sequence[int], timeout_s: float) -> Iterator[Outcome]:
    workers = settings.workers or len(os.sched_getaffinity(0))
    with WorkerPool(partial(function, settings.raw), workers=workers, timeout_s=timeout_s, memory_mib=settings.file_memory_mib) as pool:
        for outcome in pool.map([items[index] for index in wave]):
            yield Outcome(wave[outcome.index], outcome.value, outcome.reason, outcome.detail)


def _waves(settings: Settings, items: Sequence[Listed]) -> Iterator[tuple[list[int], float]]:
    yield [index for index, item in enumerate(items) if item.size_bytes < LARGE_BYTES], settings.file_timeout_s
    for index, item in enumerate(items):
        if item.size_bytes >= LARGE_BYTES:
            yield [index], settings.file_timeout_s + _allocated(settings.raw, item) / LARGE_BYTES_PER_S


def _allocated(root: Path, item: Listed) -> int:
    """Bytes a file has on disk: a sparse terabyte has none, and is not worth hours."""
    try:
        return (root / os.fsdecode(decode_path(item.path))).lstat().st_blocks * 512
    except OSError:
        return 0


def _failed(outcome: Outcome) -> Probed:
    """A file that could not be opened, or broke its worker even when it was only identified."""
    status = "quarantined" if outcome.reason in _WORKER_FAILURES else "unreadable"
    detail = {"probe_extra": json.dumps({"detail": outcome.detail})} if outcome.detail else {}
    return Probed(None, "other", None, True, status, outcome.reason, detail)


def _frame(items: Sequence[Listed], results: Sequence[Probed]) -> pl.DataFrame:
    """Columns of catalog rows from what the workers said, in the order of `items`."""
    fixed = [name for name in Probed._fields if name != "columns"]
    data: dict[str, list[Any]] = {name: [getattr(item, name) for item in items] for name in _KEY}
    data |= {name: [getattr(result, name) for result in results] for name in fixed}
    probed = [name for name in tables.CATALOG if name not in data]
    data |= {name: [result.columns.get(name) for result in results] for name in probed}
    return pl.DataFrame({name: pl.Series(name, data[name], dtype=dtype, strict=False) for name, dtype in tables.CATALOG.items()})


def _conform(rows: pl.DataFrame) -> pl.DataFrame:
    absent = [pl.lit(None).cast(dtype).alias(name) for name, dtype in tables.CATALOG.items() if name not in rows.columns]
    return rows.with_columns(absent).select([pl.col(name).cast(dtype) for name, dtype in tables.CATALOG.items()])


def _compare(previous: pl.DataFrame, catalog: pl.DataFrame) -> dict[str, Any]:
    added = catalog.join(previous, on="path", how="anti").height
    removed = previous.join(catalog, on="path", how="anti").height
    unchanged = catalog.join(previous, on=_MEANING, how="semi", nulls_equal=True).height
    return {"added": added, "changed": catalog.height - added - unchanged, "removed": removed, "unchanged": unchanged}


def _census(catalog: pl.DataFrame) -> dict[str, Any]:
    """Number of files and digest for every modality, also where there are none."""
    names = [*plugins.modalities(), "other"]
    parts = {name: catalog.filter(pl.col("modality") == name) for name in names}
    digests = {name: xxhash.xxh3_128_hexdigest(part.select(_MEANING).write_csv(quote_style="always").encode()) for name, part in parts.items()}
    return {"files": {name: part.height for name, part in parts.items()}, "digests": digests}
