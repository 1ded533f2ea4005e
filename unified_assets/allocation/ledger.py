"""Files, models, rows and reasons in; exactly one ledger row for every file and model out."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from unified_assets.allocation.routing import takes, view_of
from unified_assets.core.contracts import ModelSpec
from unified_assets.records.places import is_prose

SPLITS = ("train", "valid", "test")
_A = {"image": "an image", "audio": "a sound", "text": "a text", "video": "a video", "document": "a document", "other": "of no modality"}


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
    left: Mapping[str, Mapping[str, tuple[str, int]]]  # path -> task -> why it, or so many of its records, are not used
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
        left = {task: found for task, found in self.left.get(path, {}).items() if spec.name in self.capable.get(task, ())}
        if path in uses.counts:
            return self._labelled(path, uses, left)
        if path in uses.paired:
            reason = "has no label, but a file of another modality shows the same thing: learned from side by side"
            return {"use": "pair", "tasks": [], "via": uses.paired[path], "reason": reason}
        if path in uses.sources:
            named = ", ".join(sorted(uses.sources[path])[:4])
            return {"use": "label_source", "tasks": [], "via": "direct", "reason": f"holds the labels of {named}"}
        if left:
            return _none("; ".join(f"{_times(*found)} ({task})" for task, found in sorted(left.items())[:3]))
        return self._unused(spec, row)

    def _unused(self, spec: ModelSpec, row: Mapping[str, Any]) -> dict[str, Any]:
        path, modality = row["path"], row["modality"]
        via = takes(spec, modality)
        if via is None:
            return _none(f"{_A.get(modality, modality)}; {spec.name} learns from {' and '.join(spec.modalities)} only")
        if modality != "text":
            return {"use": "unlabelled", "tasks": [], "via": via, "reason": "nothing says what it shows: no class folder, file name, manifest or sidecar"}
        others = sorted(name for name, uses in self.uses.items() if path in uses.counts or path in uses.sources)
        if others:
            return _none(f"what it tells is learned by {', '.join(others)}; {spec.name} learns {' and '.join(sorted(spec.subjects))}")
        written = "prose without a label" if is_prose(path, row["media_type"] or "") else "no field of its records, if it holds any, was recognised as a label"
        return _none(f"{written}; see `unified-assets explain` and `columns` of unified.yaml")

    def _labelled(self, path: str, uses: Uses, left: Mapping[str, tuple[str, int]]) -> dict[str, Any]:
        counts = uses.counts[path]
        tasks = [{"task": task, "adapter": self.adapters[task], **sides} for task, sides in sorted(counts.items())]
        more = f"; not for {'; '.join(f'{task}: {_times(*found)}' for task, found in sorted(left.items())[:2])}" if left else ""
        reason = ", ".join(f"{_sides(sides)} of {task}" for task, sides in sorted(counts.items())[:4]) + more
        return {"use": "labelled", "tasks": tasks, "via": uses.views[path], "reason": reason}


def _sides(counts: Mapping[str, int]) -> str:
    """`1 test example`, `12 train and 3 valid examples`."""
    met = [(side, count) for side, count in counts.items() if count]
    said = " and ".join(f"{count} {side}" for side, count in met)
    return f"{said} example{'' if sum(count for _, count in met) == 1 else 's'}"


def _times(reason: str, count: int) -> str:
    return reason if count == 1 else f"{count} of its examples are left out, the first since: {reason}"


def _none(reason: str) -> dict[str, Any]:
    return {"use": "none", "tasks": [], "via": None, "reason": reason}
