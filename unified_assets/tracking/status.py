"""The state folder in; what `status --json` prints out. Imports neither Dagster nor MLflow."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unified_assets.tracking import fingerprint, journal
from unified_assets.tracking.champion import mean_score

TASK_KEYS = (
    *("task", "subject", "kind", "train", "valid", "test", "metric", "score", "majority"),
    *("baseline", "baseline_method", "head", "alone", "encoder_linear", "encoder_gain", "beats_baseline"),
)


def status(state: Path, *, code_versions: Mapping[str, str]) -> dict[str, Any]:
    """Models with their tasks, files by modality, what is stale, and the training runs. `code_versions`: model → version of its spec."""
    mirrors = journal.registered(state)
    return {
        "models": [_model(name, mirror) for name, mirror in mirrors.items()],
        "files": journal.read_stage(state, "catalog").get("files", {}),
        "stale": stale(state, mirrors, code_versions),
        "runs": run_rows(state),
    }


def run_rows(state: Path) -> list[dict[str, Any]]:
    """The training runs, newest first."""
    return [_run(record) for record in journal.runs(state)]


def model_rows(state: Path, needs: Mapping[str, str]) -> list[dict[str, Any]]:
    """Every known model with all its registered versions, the newest first. `needs`: model → what it takes to train it, in words."""
    mirrors = journal.registered(state)
    return [{"model": name, "needs": needs.get(name), "versions": _versions(mirrors.get(name, {}))} for name in sorted({*needs, *mirrors})]


def _versions(mirror: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for entry in sorted(mirror.get("versions", []), key=lambda entry: int(entry["version"]), reverse=True):
        version = entry["version"]
        aliases = [name for name, holder in (("champion", mirror.get("champion")), ("challenger", mirror.get("version"))) if holder == version]
        told = {key: entry.get(key) for key in ("registered", "run_id", "mlflow_run", "dataset", "code_version", "decision")}
        tasks = [{key: task.get(key) for key in TASK_KEYS} for task in entry["tasks"]]
        rows.append({"version": version, "aliases": aliases, "mean_score": mean_score(entry["tasks"]), "tasks": tasks, **told})
    return rows


def stale(state: Path, mirrors: Mapping[str, Mapping[str, Any]], code_versions: Mapping[str, str]) -> list[str]:
    """Asset keys whose direct inputs changed since they were made. A change of the files first makes the catalog stale, and so on down."""
    lake = journal.read_json(state / "lake.json")
    found = []
    catalog, quality, allocation = (journal.read_stage(state, stage) for stage in ("catalog", "quality_report", "allocation"))
    if catalog and lake and Path(lake["raw"]).is_dir() and fingerprint.raw_digest(Path(lake["raw"])) != catalog["made_from"]:
        found.append("catalog")
    if quality and quality["made_from"] != journal.digest_of(catalog["versions"]):
        found.append("quality_report")
    if allocation and allocation["made_from"] != journal.digest_of([catalog["versions"], quality["versions"]]):
        found.append("allocation")
    for model, wanted in sorted(allocation.get("model_digests", {}).items()):
        dataset = journal.read_stage(state, f"dataset/{model}")
        if dataset and dataset["made_from"] != wanted:
            found.append(f"dataset/{model}")
        if can_be_learned(dataset) and needs_training(mirrors.get(model), dataset["digest"], code_versions.get(model)):
            found.append(f"model/{model}")
    return found


def can_be_learned(dataset: Mapping[str, Any]) -> bool:
    """Whether a dataset (its stage's record) has labels to learn from: on the train side, or from peers on pairs."""
    return bool(dataset.get("tasks")) and bool(dataset.get("train", 1) or dataset.get("pairs"))


def needs_training(mirror: Mapping[str, Any] | None, dataset: str, code_version: str | None) -> bool:
    """Whether no registered version was trained from this dataset by this code."""
    versions = (mirror or {}).get("versions", [])
    return not any(entry["dataset"] == dataset and code_version in {None, entry["code_version"]} for entry in versions)


def _model(name: str, mirror: Mapping[str, Any]) -> dict[str, Any]:
    shown = _shown_version(mirror)
    tasks = [{key: task.get(key) for key in TASK_KEYS} for task in shown.get("tasks", [])]
    return {"model": name, "version": mirror.get("version"), "champion": mirror.get("champion"), "tasks": tasks}


def _shown_version(mirror: Mapping[str, Any]) -> Mapping[str, Any]:
    """The champion's entry: what a caller of the model gets; the newest where there is none."""
    versions = {entry["version"]: entry for entry in mirror.get("versions", [])}
    return versions.get(mirror.get("champion")) or versions.get(mirror.get("version")) or {}


def _run(record: Mapping[str, Any]) -> dict[str, Any]:
    always = {key: record.get(key) for key in ("run_id", "preset", "status", "seconds")}
    note = {"note": record["note"]} if record.get("note") else {}
    return {**always, "failed": sorted(record.get("failed") or []), **note}
