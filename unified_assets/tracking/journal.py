"""Small JSON records of what was built from what: stages, models, runs. Written by the steps, read by `status` at once."""

import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from unified_assets.store.local import write_text


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file, or an empty one where there is no such file."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return value if isinstance(value, dict) else {}


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Replace a JSON file at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n")


def digest_of(values: object) -> str:
    """A short hex digest of a JSON-able value, independent of the order of keys."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:32]


# -------------------------------------------------------------------------------------------------- stages


def stage_path(state: Path, stage: str) -> Path:
    """Where the record of a stage stands; `dataset/vision_service` is a stage too."""
    return state / "stages" / f"{stage}.json"


def record_stage(state: Path, stage: str, *, versions: Mapping[str, str], made_from: str, **facts: Any) -> None:
    """Note what a stage made: its data version per modality, and the digest of what it was made from."""
    write_json(stage_path(state, stage), {"versions": dict(versions), "made_from": made_from, "at": time.time(), **facts})


def read_stage(state: Path, stage: str) -> dict[str, Any]:
    """The record of a stage; empty where it never ran."""
    return read_json(stage_path(state, stage))


# ---------------------------------------------------------------------------------------------------- runs


def run_folder(state: Path, root_run_id: str) -> Path:
    """The folder of a training run: named by the first of a chain of re-executions, so that a resumed run finds its rounds."""
    return state / "runs" / root_run_id


def note_run(run_dir: Path, **facts: Any) -> dict[str, Any]:
    """Add facts to `<run>/run.json`. Returns all of it."""
    record = {**read_json(run_dir / "run.json"), **facts}
    write_json(run_dir / "run.json", record)
    return record


def note_failure(run_dir: Path, step: str, *, error: str, message: str) -> None:
    """Note why a step of a run failed, for its report."""
    write_json(run_dir / "failures" / f"{step.replace('/', '__')}.json", {"step": step, "error": error, "message": message, "at": time.time()})


def forget_failure(run_dir: Path, step: str) -> None:
    """A step that failed before runs again."""
    (run_dir / "failures" / f"{step.replace('/', '__')}.json").unlink(missing_ok=True)


def failures(run_dir: Path) -> list[dict[str, Any]]:
    """What failed in a run, in step order."""
    return [read_json(path) for path in sorted((run_dir / "failures").glob("*.json"))]


def runs(state: Path) -> list[dict[str, Any]]:
    """The records of all training runs, newest first; one whose process is gone before its models were registered counts as failed."""
    records = []
    for path in (state / "runs").glob("*/run.json"):
        record = read_json(path)
        if record.get("status") == "STARTED" and not is_alive(record.get("pid"), record.get("pid_started")):
            record |= _ended(state, path.parent, record)
        records += [{"run_id": path.parent.name, "preset": None, **record}] if record else []  # one that died early has noted its end alone
    return sorted(records, key=lambda record: record.get("started") or 0.0, reverse=True)


def _ended(state: Path, run_dir: Path, record: Mapping[str, Any]) -> dict[str, Any]:
    """How a run ended whose process is gone and that nobody closed: one without the report, or one that was killed."""
    members = read_json(run_dir / "members.json").get("members", [])
    made = [entry for name in members for entry in read_mirror(state, name).get("versions", []) if entry["run_id"] == record.get("run_id")]
    if not members or len({entry["folder"] for entry in made}) < len(members) or record.get("failed"):
        return {"status": "FAILURE", "note": "its process is gone; `unified-assets train --resume` goes on from its last round"}
    return {"status": "SUCCESS", "seconds": max(entry["registered"] for entry in made) - record["started"]}


def is_alive(pid: int | str | None, started: float | str | None) -> bool:
    """Whether the process of this id, started at that time (seconds since the epoch), still lives."""
    import psutil

    if not pid:
        return False
    try:
        process = psutil.Process(int(pid))
        return process.status() != psutil.STATUS_ZOMBIE and (not started or abs(process.create_time() - float(started)) < 2)
    except psutil.NoSuchProcess:
        return False


def this_process(pid: int | None = None) -> dict[str, Any]:
    """Id and start time of a process (this one by default), as run records keep them."""
    import psutil

    pid = os.getpid() if pid is None else pid
    try:
        return {"pid": pid, "pid_started": psutil.Process(pid).create_time()}
    except psutil.NoSuchProcess:
        return {"pid": pid, "pid_started": None}


# -------------------------------------------------------------------------------------------------- models


def mirror_path(state: Path, model: str) -> Path:
    """Where the mirror of a registered model stands."""
    return state / "models" / f"{model}.json"


def read_mirror(state: Path, model: str) -> dict[str, Any]:
    """What is registered of a model: `version`, `champion`, `versions`; empty before its first registration."""
    return read_json(mirror_path(state, model))


def champion_folder(mirror: Mapping[str, Any]) -> Path | None:
    """The final folder of the champion, where there is one and it is still there."""
    folder = next((entry["folder"] for entry in mirror.get("versions", []) if entry["version"] == mirror.get("champion")), None)
    return Path(folder) if folder and Path(folder).is_dir() else None


def version_with_identity(mirror: Mapping[str, Any], identity: str) -> dict[str, Any] | None:
    """The newest registered version trained from the same data, code and preset, whose files are still there."""
    matching = [entry for entry in mirror.get("versions", []) if entry["identity"] == identity and Path(entry["folder"]).is_dir()]
    return max(matching, key=lambda entry: int(entry["version"]), default=None)


def identity_of(*, dataset: str, version: str, preset: Mapping[str, Any]) -> str:
    """What makes a training the same training: the data, the model's code version and the content of the preset."""
    content = {key: value for key, value in preset.items() if key not in {"name", "description", "target_models"}}
    return digest_of({"dataset": dataset, "version": version, "preset": content})


def registered(state: Path, order: Iterable[str] = ()) -> dict[str, dict[str, Any]]:
    """Mirrors of all registered models by name."""
    names = sorted({path.stem for path in (state / "models").glob("*.json")} | set(order))
    return {name: mirror for name in names if (mirror := read_mirror(state, name))}
