"""Contents in; what every check measured on each out. What was measured before is kept, so that a second time costs what changed."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from unified_assets.compute.pools import pool_of
from unified_assets.compute.progress import progress
from unified_assets.compute.workers import Outcome
from unified_assets.core.errors import StaleSchema
from unified_assets.core.settings import Settings
from unified_assets.quality.measure import Item, Measured, measure_file, versions
from unified_assets.store.local import read_table

TRANSIENT = frozenset({"timeout", "crash", "out_of_memory"})  # may be the machine's doing …
ATTEMPTS = 3  # … so a later assessment tries again, up to so many in all

MEASURED: dict[str, pl.DataType] = {
    "path": pl.String(),  # the first path with this content
    "file_id": pl.String(),
    "modality": pl.String(),
    "media_type": pl.String(),
    "version": pl.String(),  # of the modality's decoder and checks
    "attempts": pl.Int16(),
    "reason": pl.String(),  # why it could not be measured, else null
    "detail": pl.String(),
    "values": pl.List(pl.Struct({"name": pl.String(), "value": pl.Float64(), "detail": pl.String()})),
    "signature": pl.Binary(),
}


def key_of(file_id: str, modality: str, media_type: str) -> str:
    """What a measurement is kept under."""
    return f"{file_id} {modality} {media_type}"


def known(version_folder: Path | None, versions: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Key → row, of the measurements in a published version that today's decoders and checks would make again."""
    if version_folder is None or not (version_folder / "measured").is_dir():
        return {}
    try:
        table = read_table(version_folder / "measured", "measured")
    except StaleSchema:
        return {}
    if table.schema != pl.Schema(MEASURED):
        return {}
    rows = table.iter_rows(named=True)
    return {key_of(row["file_id"], row["modality"], row["media_type"]): row for row in rows if row["version"] == versions.get(row["modality"])}


def unsettled(row: Mapping[str, Any]) -> bool:
    """Whether a measurement failed in a way that another attempt may mend."""
    return row["reason"] in TRANSIENT and row["attempts"] < ATTEMPTS


def measure_contents(
    settings: Settings, wanted: pl.DataFrame, kept: Mapping[str, dict[str, Any]], forged: frozenset[str], log: Callable[[str], None]
) -> tuple[dict[str, dict[str, Any]], int]:
    """Path → row of `measured`, from what is known and from the worker pool; and how many were decoded."""
    current = versions()
    table: dict[str, dict[str, Any]] = {}
    todo: list[tuple[str, Item, int]] = []
    for path, file_id, modality, media_type in wanted.select("path", "file_id", "modality", "media_type").iter_rows():
        row = None if file_id in forged else kept.get(key_of(file_id, modality, media_type))
        if row is None or unsettled(row):
            todo.append((file_id, Item(path, modality, media_type), 0 if row is None else row["attempts"]))
        else:
            table[path] = {**row, "path": path}
    if not todo:
        return table, 0
    log(f"measuring {len(todo):,} files, {len(table):,} are known already")
    with progress(settings.state, "quality", len(todo), log) as told, pool_of(settings, partial(measure_file, root=settings.raw)) as pool:
        for outcome in pool.map([item for _, item, _ in todo]):
            file_id, item, attempts = todo[outcome.index]
            table[item.path] = {**_row(file_id, item, outcome), "version": current[item.modality], "attempts": attempts + 1}
            told.add()
    return table, len(todo)


def _row(file_id: str, item: Item, outcome: Outcome) -> dict[str, Any]:
    found = Measured([]) if outcome.reason is not None else outcome.value
    return {
        "path": item.path,
        "file_id": file_id,
        "modality": item.modality,
        "media_type": item.media_type,
        "reason": outcome.reason,
        "detail": outcome.detail,
        "values": [{"name": name, "value": value, "detail": detail} for name, value, detail in found.values],
        "signature": found.signature,
    }
