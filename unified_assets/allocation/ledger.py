"""Files, models, rows and reasons in; exactly one ledger row for every file and model out."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from unified_assets.allocation.routing import takes, view_of
from unified_assets.core.contracts import ModelSpec

SPLITS = ("train", "valid", "test")


@dataclass
class Uses:
    """What one model does with the files, gathered example by example."""

    spec: ModelSpec
    counts: dict[str, dict[str, dict[str, int]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(lambda: dict.fromkeys(SPLITS, 0))))
    views: dict[str, str] = field(default_factory=dict)
    paired: dict[str, str] = field(default_factory=dict)  # path -> its view
    sources: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # path -> tasks it holds labels of

    def add(self, task: str | None, split: str, inputs: Iterable[Mapping[str, Any]], files: Mapping[str, Mapping[str, Any]]) -> None:
        """Count one example: once for each file it is made of."""
        for path, role in {value["path"]: value["role"] for value in inputs}.items():
            view = view_of(self.spec, role, files[path]["modality"])
            if task is None:
                self.paired.setdefault(path, view)
            else:
                self.counts[path][task][split] += 1
                self.views.setdefault(path, view)


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """What is known of all files and models, to be written down."""

    specs: Mapping[str, ModelSpec]
    uses: Mapping[str, Uses]
    adapters: Mapping[str, str]  # task -> adapter
    left: Mapping[str, Mapping[str, str]]  # path -> task -> why it is not used
    capable: Mapping[str, tuple[str, ...]]  # task -> models that can learn it

    def rows(self, catalog: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """One row per path and model."""
        for row in catalog:
            for spec in self.specs.values():
                yield {"path": row["path"], "model": spec.name, "modality": row["modality"], **self._use(spec, row)}

    def _use(self, spec: ModelSpec, row: Mapping[str, Any]) -> dict[str, Any]:
        if row["refusal"] is not None:
            return _none(row["refusal"])
        path, uses = row["path"], self.uses[spec.name]
        left = {task: reason for task, reason in self.left.get(path, {}).items() if spec.name in self.capable.get(task, ())}
        if path in uses.counts:
            return self._labelled(path, uses, left)
        if path in uses.paired:
            return {"use": "pair", "tasks": [], "via": uses.paired[path], "reason": "occurs together with a file of another modality; no label"}
        if path in uses.sources:
            named = ", ".join(sorted(uses.sources[path])[:4])
            return {"use": "label_source", "tasks": [], "via": "direct", "reason": f"holds the labels of {named}"}
        if left:
            return _none("; ".join(f"{why} ({task})" for task, why in sorted(left.items())[:3]))
        return _unused(spec, row["modality"])

    def _labelled(self, path: str, uses: Uses, left: Mapping[str, str]) -> dict[str, Any]:
        counts = uses.counts[path]
        tasks = [{"task": task, "adapter": self.adapters[task], **sides} for task, sides in sorted(counts.items())]
        total = sum(sum(sides.values()) for sides in counts.values())
        more = f"; not for {'; '.join(f'{task}: {why}' for task, why in sorted(left.items())[:2])}" if left else ""
        reason = f"{total} example{'s' if total != 1 else ''} of {', '.join(sorted(counts)[:4])}{more}"
        return {"use": "labelled", "tasks": tasks, "via": uses.views[path], "reason": reason}


def _unused(spec: ModelSpec, modality: str) -> dict[str, Any]:
    via = takes(spec, modality)
    if via is None:
        return _none(f"{spec.name} takes {', '.join(spec.modalities)}, not {modality}")
    if modality == "text":
        return _none(f"no record or class of a subject of {spec.name} ({', '.join(sorted(spec.subjects))}) was found in it")
    return {"use": "unlabelled", "tasks": [], "via": via, "reason": "no folder, file name, manifest or sidecar says what it shows"}


def _none(reason: str) -> dict[str, Any]:
    return {"use": "none", "tasks": [], "via": None, "reason": reason}
