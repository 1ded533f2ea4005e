"""A registered version in; the metadata and the checks a person wants to see out."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from unified_assets.tracking.champion import Decision, mean_score
from unified_assets.tracking.registry import Registration

COLUMNS = ("task", "kind", "metric", "score", "baseline", "majority", "alone", "train", "test")


def metadata(registration: Registration, *, run_dir: Path, mlflow_run: str) -> dict[str, Any]:
    """Facts of a model trained now. `mlflow_run`: the address of its page."""
    entry = registration.entry
    return {
        "version": registration.version,
        "champion": registration.decision.champion,
        "decision": registration.decision.reason,
        "already_trained": False,
        "rounds": entry["rounds"],
        "seconds": entry["seconds"],
        "dataset_digest": entry["dataset"],
        "tasks": _table(entry["tasks"]),
        "mlflow_run": dg.MetadataValue.url(mlflow_run),
        "report": dg.MetadataValue.path(run_dir / "report.html"),
        **_mean_score(entry["tasks"]),
    }


def skipped_metadata(why: str, known: Mapping[str, Any] | None) -> dict[str, Any]:
    """Facts of a model that was not trained now."""
    facts: dict[str, Any] = {"already_trained": known is not None, "why": why}
    return facts if known is None else {**facts, "version": known["version"], "tasks": _table(known["tasks"]), **_mean_score(known["tasks"])}


def checks(entry: Mapping[str, Any], decision: Decision | None) -> Iterator[dg.AssetCheckResult]:
    """Results of the checks of a model's asset."""
    scores = {task["task"]: task.get("score") for task in entry["tasks"]}
    bad = sorted(task for task, score in scores.items() if score is None or not math.isfinite(score))
    yield dg.AssetCheckResult(check_name="finite_metrics", passed=not bad, metadata={"tasks": len(scores), "without_score": bad})
    losing = sorted(task["task"] for task in entry["tasks"] if task.get("beats_baseline") is False)
    text = "every task is at least as good as its baseline" if not losing else f"loses to its classical baseline: {', '.join(losing)}"
    yield dg.AssetCheckResult(
        check_name="beats_baseline", passed=not losing, severity=dg.AssetCheckSeverity.WARN, description=text, metadata={"tasks": _table(entry["tasks"])}
    )
    worse = [f"{one['task']} against {one['reference']}" for one in entry.get("comparisons", []) if one["worse"]]
    yield dg.AssetCheckResult(
        check_name="not_worse_than_champion",
        passed=not worse,
        severity=dg.AssetCheckSeverity.WARN,
        description=decision.reason if decision is not None else str(entry.get("decision")),
    )


def skipped_checks(why: str, known: Mapping[str, Any] | None) -> Iterator[dg.AssetCheckResult]:
    """The checks of the version in force. Where there is none nothing was checked: a warning, and no pass."""
    if known is not None:
        yield from checks(known, None)
        return
    for name in ("finite_metrics", "beats_baseline", "not_worse_than_champion"):
        yield dg.AssetCheckResult(check_name=name, passed=False, severity=dg.AssetCheckSeverity.WARN, description=f"there is no version to check: {why}")


def _table(tasks: list[Mapping[str, Any]]) -> Any:
    schema = dg.TableSchema(columns=[dg.TableColumn(name, "string") for name in COLUMNS])
    return dg.MetadataValue.table([dg.TableRecord({name: _shown(task.get(name)) for name in COLUMNS}) for task in tasks], schema=schema)


def _shown(value: object) -> str:
    """A cell: a score with three digits, a dash for what was not measured."""
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _mean_score(tasks: list[Mapping[str, Any]]) -> dict[str, float]:
    mean = mean_score(tasks)
    return {} if mean is None else {"mean_score": mean}
