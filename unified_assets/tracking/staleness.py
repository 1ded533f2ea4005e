"""The state folder in; the models whose data or code changed since they were trained, and by how many labelled examples, out."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unified_assets.tracking import journal
from unified_assets.tracking.status import can_be_learned, needs_training


@dataclass(frozen=True, kw_only=True)
class StaleModel:
    """`changed`: labelled examples more or fewer than the newest version learned from, over all tasks; `labelled`: those there are now."""

    model: str
    changed: int
    labelled: int


def stale_models(state: Path, *, code_versions: Mapping[str, str]) -> list[StaleModel]:
    """Models that have something to learn from which no version of them was trained on. `code_versions`: model → version of its spec."""
    found = []
    for model, code_version in sorted(code_versions.items()):
        dataset, mirror = journal.read_stage(state, f"dataset/{model}"), journal.read_mirror(state, model)
        if can_be_learned(dataset) and needs_training(mirror, dataset["digest"], code_version):
            now: dict[str, int] = dataset.get("labelled", {})
            then = _labelled(mirror)
            changed = sum(abs(now.get(task, 0) - then.get(task, 0)) for task in {*now, *then})
            found.append(StaleModel(model=model, changed=changed, labelled=sum(now.values())))
    return found


def _labelled(mirror: Mapping[str, Any]) -> dict[str, int]:
    """Task → labelled examples of the newest version."""
    versions: list[dict[str, Any]] = mirror.get("versions", [])
    newest = max(versions, key=lambda entry: int(entry["version"]), default={})
    return {task["task"]: sum(int(task.get(side) or 0) for side in ("train", "valid", "test")) for task in newest.get("tasks", [])}
