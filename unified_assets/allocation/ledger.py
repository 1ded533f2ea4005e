"""Files, models, rows and reasons in; exactly one ledger row for every file and model out."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from unified_assets.allocation.routing import takes, view_of
from unified_assets.core.contracts import ModelSpec

SPLITS = ("train", "valid", "test")


@dataclass
class Uses:
    """What one model does with the files, gathered example by example."""

    counts: dict[str, dict[str, dict[str, int]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(lambda: dict.fromkeys(SPLITS, 0))))
    views: dict[str, str] = field(default_factory=dict)
    paired: dict[str, str] = field(default_factory=dict)  # path -> its view
    sources: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # path -> tasks it holds labels of

    def add(self, task: str | None, split: str, inputs: Iterable[Mapping[str, Any]], files: Mapping[str, Mapping[str, Any]]) -> None:
        """Count one example: once for each file it is made of."""
        for path, role in {value["path"]: value["role"] for value in inputs}.items():
            view = view_of(role, files[path]["modality"])
            if task is None:
                self.paired.setdefault(path, view)
            else:
                self.counts[path][task][split] += 1
                self.views.setdefault(path, view)


def ledger_rows(
    specs: Mapping[str, ModelSpec],
    catalog: Iterable[Mapping[str, Any]],
    uses: Mapping[str, Uses],
    adapters: Mapping[str, str],
    left: Mapping[str, Mapping[str, str]],
    learned_by: Mapping[str, tuple[str, ...]],
) -> Iterable[dict[str, Any]]:
    """One row per path and model. `left`: path → task → why it is not used; `learned_by`: task → models."""
    for row in catalog:
        for name, spec in specs.items():
            yield {
                "path": row["path"],
                "model": name,
                "modality": row["modality"],
                **_use(spec, row, uses[name], adapters, left.get(row["path"], {}), learned_by),
            }


def _use(
    spec: ModelSpec,
    row: Mapping[str, Any],
    uses: Uses,
    adapters: Mapping[str, str],
    left: Mapping[str, str],
    learned_by: Mapping[str, tuple[str, ...]],
) -> dict[str, Any]:
    path, modality = row["path"], row["modality"]
    if row["refusal"] is not None:
        return _none(row["refusal"])
    counts = uses.counts.get(path)
    mine = {task: reason for task, reason in left.items() if spec.name in learned_by.get(task, (spec.name,))}
    if counts:
        tasks = [{"task": task, "adapter": adapters[task], **sides} for task, sides in sorted(counts.items())]
        total = sum(sum(sides.values()) for sides in counts.values())
        more = f"; also {'; '.join(f'{task}: {why}' for task, why in sorted(mine.items())[:2])}" if mine else ""
        return {"use": "labelled", "tasks": tasks, "via": uses.views[path], "reason": f"{total} examples of {', '.join(sorted(counts)[:4])}{more}"}
    if path in uses.paired:
        return {"use": "pair", "tasks": [], "via": uses.paired[path], "reason": "occurs together with a file of another modality; no label"}
    if path in uses.sources:
        named = ", ".join(sorted(uses.sources[path])[:4])
        return {"use": "label_source", "tasks": [], "via": "direct", "reason": f"holds the labels of {named}"}
    via = takes(spec, modality)
    if mine:
        return _none("; ".join(f"{why} ({task})" for task, why in sorted(mine.items())[:3]))
    if via is None:
        return _none(f"{spec.name} takes {', '.join(spec.modalities)}, not {modality}")
    if modality == "text":
        return _none(f"no record or class of a subject of {spec.name} ({', '.join(sorted(spec.subjects))}) was found in it")
    return {"use": "unlabelled", "tasks": [], "via": via, "reason": "no folder, file name, manifest or sidecar says what it shows"}


def _none(reason: str) -> dict[str, Any]:
    return {"use": "none", "tasks": [], "via": None, "reason": reason}
