"""Settings in; a catalog that matches the raw files, published if anything changed, out.

Unchanged files are recognised by path, size, time and inode (an anti-join); a rescan costs what changed.
"""

import importlib.util
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import xxhash

from unified_assets.catalog.examining import examined, irregular
from unified_assets.catalog.ignoring import ignored_paths
from unified_assets.catalog.walking import walk
from unified_assets.core import plugins, tables
from unified_assets.core.errors import InvalidSetting, StaleSchema, UnreadableFile
from unified_assets.core.settings import Settings
from unified_assets.files import open_regular
from unified_assets.files.deciding import NEEDS_INSTALL
from unified_assets.files.surveying import STILL_WRITTEN
from unified_assets.store.local import Store, read_table, write_table, write_text

DETECTOR_VERSION = 3  # raise it when detection or a probe gives other rows for the same bytes
_DIGEST_ROWS = 100_000
_NO_CHANGES: Mapping[str, Any] = {"added": 0, "changed": 0, "removed": 0}
_KEY = ["path", "size_bytes", "mtime_ns", "inode"]
_MEANING = ["path", "file_id", "size_bytes", "modality", "media_type", "extension_agrees", "status", "reason"]
_RETRIED = ("no_permission", "io_error", "not_found", STILL_WRITTEN)
_RETRIED_ONCE = ("timeout", "out_of_memory")  # perhaps the machine was busy, not the file at fault: the next scan tells
_MANIFEST = "manifest.json"


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
        listed = walk(settings.raw, ignored_paths(settings), besides=settings.state)
        known = _known(store, listed)
        if known is not None:
            log(f"{listed.height} paths: nothing changed")
            return ScanSummary(**known, **_NO_CHANGES, unchanged=listed.height, seconds=time.monotonic() - started, published=False)
        previous, valid = _previous(store)
        kept = _kept(previous, listed, settings.raw) if valid else previous.clear()
        fresh = listed.join(kept, on="path", how="anti")
        del listed
        catalog = _in_order(pl.concat([kept, irregular(fresh), *examined(settings, fresh, log)]))
        if valid:
            catalog = _counted_tries(catalog, previous)
        del fresh, kept
        published = not valid or not catalog.equals(previous)
        census = _census(catalog)
        if published:
            store.publish("catalog", partial(_write, catalog=catalog, census=census))
    changes = _compare(previous, catalog)
    summary = ScanSummary(**census, **changes, seconds=time.monotonic() - started, published=published)
    log(f"{catalog.height} paths: {summary.added} added, {summary.changed} changed, {summary.removed} removed, {summary.unchanged} unchanged")
    return summary


def _previous(store: Store) -> tuple[pl.DataFrame, bool]:
    """The catalog in force, and whether its rows may be kept: the same detector and plug-ins made them."""
    version = store.current("catalog")
    try:
        if version is not None:
            manifest = json.loads((version / _MANIFEST).read_text(encoding="utf-8"))
            return store.table("catalog").select(list(tables.CATALOG)).sort("path"), manifest["made_by"] == _made_by()
    except (StaleSchema, OSError, ValueError, KeyError, TypeError):
        pass  # another program version wrote it: the scan rebuilds it
    return pl.DataFrame(schema=dict(tables.CATALOG)), False


def _known(store: Store, listed: pl.DataFrame) -> Mapping[str, Any] | None:
    """The census of the catalog in force where every path is as it was and no row could be mended; reads four columns, not the table."""
    version = store.current("catalog")
    if version is None:
        return None
    try:
        manifest = json.loads((version / _MANIFEST).read_text(encoding="utf-8"))
        if manifest["made_by"] != _made_by() or manifest["try_again"]:
            return None
        rows = read_table(version / "catalog", "catalog", columns=[*_KEY, "reason"])
    except (StaleSchema, OSError, ValueError, KeyError, TypeError):
        return None
    if rows.height != listed.height or any(not rows[name].equals(listed[name]) for name in _KEY):
        return None
    irregular_alike = (listed["reason"].is_null() | (listed["reason"] == rows["reason"]).fill_null(value=False)).all()
    mendable = rows["reason"].is_in([*_retried(), "no_permission"]).any()
    return manifest["census"] if irregular_alike and not mendable else None


def _made_by() -> dict[str, Any]:
    return {"detector": DETECTOR_VERSION, "modalities": {name: sorted(value.media_types) for name, value in plugins.modalities().items()}}


def _write(folder: Path, catalog: pl.DataFrame, census: Mapping[str, Any]) -> None:
    write_table(folder, "catalog", catalog)
    write_text(folder / _MANIFEST, json.dumps({"made_by": _made_by(), "census": census, "try_again": bool(catalog.select(_failed_once().any()).item())}) + "\n")


def _retried() -> list[str]:
    return [*_RETRIED, *([NEEDS_INSTALL] if importlib.util.find_spec("av") is not None else [])]


def _kept(previous: pl.DataFrame, listed: pl.DataFrame, root: Path) -> pl.DataFrame:
    """Rows that still hold: same path, size, time and inode, and nothing that another attempt would mend."""
    forbidden = previous.filter(pl.col("reason") == "no_permission")["path"]
    still_forbidden = [path for path in forbidden if _opening_problem(root, path) == "no_permission"]
    mendable = (pl.col("reason").fill_null("").is_in(_retried()) & ~pl.col("path").is_in(still_forbidden)) | _failed_once()
    return previous.filter(~mendable).join(listed.filter(pl.col("reason").is_null() | (pl.col("reason") == "link")), on=_KEY, how="semi")


def _failed_once() -> pl.Expr:
    tried_twice = pl.col("probe_extra").fill_null("").str.contains('"tries": 2', literal=True)
    return pl.col("reason").fill_null("").is_in(_RETRIED_ONCE) & ~tried_twice


def _counted_tries(catalog: pl.DataFrame, previous: pl.DataFrame) -> pl.DataFrame:
    """Files that failed in two scans in the same way, unchanged, are marked so: they are not tried a third time."""
    before = previous.filter(_failed_once()).select(*_KEY, "reason", again=pl.lit(value=True))
    if before.is_empty():
        return catalog
    marked = pl.when(pl.col("again")).then(pl.lit(json.dumps({"detail": "failed so in two scans", "tries": 2}))).otherwise(pl.col("probe_extra"))
    return catalog.join(before, on=[*_KEY, "reason"], how="left", maintain_order="left").with_columns(probe_extra=marked).drop("again")


def _opening_problem(root: Path, path: str) -> str | None:
    try:
        open_regular(root, path).close()
    except UnreadableFile as error:
        return error.reason
    return None


def _in_order(catalog: pl.DataFrame) -> pl.DataFrame:
    """Rows by path; a first scan has them so, and a million rows are not copied for nothing."""
    return catalog if catalog["path"].is_sorted() else catalog.sort("path")


def _compare(previous: pl.DataFrame, catalog: pl.DataFrame) -> dict[str, Any]:
    if previous.is_empty():
        return {"added": catalog.height, "changed": 0, "removed": 0, "unchanged": 0}
    added = catalog.join(previous, on="path", how="anti").height
    removed = previous.join(catalog, on="path", how="anti").height
    unchanged = catalog.join(previous, on=_MEANING, how="semi", nulls_equal=True).height
    return {"added": added, "changed": catalog.height - added - unchanged, "removed": removed, "unchanged": unchanged}


def _census(catalog: pl.DataFrame) -> dict[str, Any]:
    """Number of files and digest for every modality, also where there are none."""
    names = [*plugins.modalities(), "other"]
    header = catalog.select(_MEANING).clear().write_csv(quote_style="always").encode()
    files, digests = dict.fromkeys(names, 0), {name: xxhash.xxh3_128(header) for name in names}
    for rows in catalog.select(_MEANING).iter_slices(_DIGEST_ROWS):
        for (name,), part in rows.partition_by("modality", as_dict=True).items():
            files[name] += part.height
            digests[name].update(part.write_csv(quote_style="always", include_header=False).encode())
    return {"files": files, "digests": {name: digest.hexdigest() for name, digest in digests.items()}}
