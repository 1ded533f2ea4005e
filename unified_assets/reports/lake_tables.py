"""The tables of a state folder → what `scan`, `quality`, `ledger` and `explain` tell of them, as plain values."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from unified_assets.store.local import Store

ORDER = {"reject": 0, "warn": 1, "accept": 2}


def catalog_counts(state: Path) -> dict[str, Any]:
    """Files and bytes by modality, each with what could not be read by reason; and media types."""
    catalog = Store(state).table("catalog")
    modalities = []
    for (modality,), rows in sorted(catalog.group_by("modality"), key=lambda pair: str(pair[0][0])):
        unread = rows.filter(pl.col("status") != "ok")
        reasons = unread.select(pl.coalesce("reason", "status").alias("reason")).group_by("reason").len().sort("len", "reason", descending=[True, False])
        types = rows.group_by("media_type").len().drop_nulls().sort("len", "media_type", descending=[True, False])
        modalities.append(
            {
                "modality": modality,
                "files": rows.height,
                "bytes": int(rows["size_bytes"].sum()),
                "unread": unread.height,
                "reasons": dict(reasons.iter_rows()),
                "media_types": dict(types.iter_rows()),
            }
        )
    return {"files": catalog.height, "bytes": int(catalog["size_bytes"].sum()), "modalities": modalities}


def quality_counts(state: Path, *, worst: int) -> dict[str, Any]:
    """Files by decision; each issue with its files, and the `worst` of them: rejected before warned, then by the lowest score."""
    report = Store(state).table("quality_report")
    rows = report.select("path", "modality", "score", "decision", "issues").explode("issues").drop_nulls("issues").unnest("issues")
    issues = []
    for (name,), found in rows.group_by("name"):
        first = found.sort([pl.col("decision").replace_strict(ORDER, default=3), "score", "path"]).head(worst)
        files = [{key: row[key] for key in ("path", "score", "decision", "value", "threshold", "detail")} for row in first.iter_rows(named=True)]
        severities = dict(found.group_by("severity").len().sort("severity").iter_rows())
        issues.append({"issue": name, "files": found["path"].n_unique(), "severity": severities, "worst": files})
    decisions = dict(report.group_by("decision").len().sort("decision").iter_rows())
    ordered = sorted(issues, key=lambda one: (-one["files"], one["issue"]))
    return {"files": report.height, "decisions": decisions, "issues": ordered, "page": str(state / "quality_report" / "index.html")}


def ledger_rows(state: Path, *, model: str = "", path: str = "") -> pl.DataFrame:
    """Rows of the ledger of one model, or below one path, in order."""
    rows = Store(state).table("allocation")
    if model:
        rows = rows.filter(pl.col("model") == model)
    if path:
        rows = rows.filter(pl.col("path").str.starts_with(path))
    return rows.sort("path", "model")


def ledger_json(rows: pl.DataFrame, *, limit: int | None) -> dict[str, Any]:
    """Counts of use by model and modality, and the rows themselves."""
    return {"rows": rows.height, "counts": ledger_counts(rows), "ledger": (rows if limit is None else rows.head(limit)).to_dicts()}


def ledger_counts(rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Files by model, modality and use."""
    return rows.group_by("model", "modality", "use").agg(pl.len().alias("files")).sort("model", "modality", "use").to_dicts()


def explained(state: Path, path: str) -> dict[str, Any]:
    """What the tables say of a file, or of the files below a folder."""
    store = Store(state)
    here = (pl.col("path") == path) | pl.col("path").str.starts_with(f"{path}/" if path not in {"", "."} else "")
    ledger = store.table("allocation").filter(here).sort("path", "model")
    named = {use["task"] for uses in ledger["tasks"].to_list() for use in uses or ()}
    tasks = store.table("tasks").filter(pl.col("task").is_in(list(named))).sort("task")
    return {
        "path": path,
        "files": store.table("catalog").filter(here).select("path", "modality", "media_type", "size_bytes", "status", "reason").sort("path").to_dicts(),
        "quality": _by_path(store.table("quality_report").filter(here)),
        "ledger": ledger.to_dicts(),
        "tasks": tasks.to_dicts(),
    }


def _by_path(report: pl.DataFrame) -> Mapping[str, Any]:
    columns = ("score", "decision", "issues", "duplicate_of", "near_duplicate_group")
    return {row["path"]: {name: row[name] for name in columns} for row in report.sort("path").iter_rows(named=True)}
