"""Files, models, rows and reasons in; exactly one ledger row for every file and model out."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from unified_assets.allocation.routing import takes, view_of
from unified_assets.core.contracts import ModelSpec
from unified_assets.records.places import is_prose

SPLITS = ("train", "valid", "test")
_SIDE = {"train": "training", "valid": "validation", "test": "test"}
_OF = {
    "image": "images",
    "audio": "sounds",
    "video": "videos",
    "document": "documents",
    "image_text": "sentences about images",
    "causal": "causes and effects",
    "math": "arithmetic and word problems",
    "logic": "entailment, rules and formulas",
    "concept": "concepts and classes of texts",
}
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
            return _none(f"{_A.get(modality, modality)}; {spec.name} learns from {_listed(spec.modalities)} only")
        if modality != "text":
            return {"use": "unlabelled", "tasks": [], "via": via, "reason": "nothing says what it shows: no class folder, file name, manifest or sidecar"}
        others = sorted(name for name, uses in self.uses.items() if path in uses.counts or path in uses.sources)
        if others:
            taught = _listed(sorted({_OF.get(subject, subject) for subject in spec.subjects}))
            return _none(f"its labels are learned by {_listed(others)}; {spec.name} learns {taught}")
        if is_prose(path, row["media_type"] or ""):
            return _none("prose without a label: no folder, file name, line form or front matter says what it is")
        return _none("no label was recognised in it: no field of its records by name or values; `columns` in unified.yaml can name one")

    def _labelled(self, path: str, uses: Uses, left: Mapping[str, tuple[str, int]]) -> dict[str, Any]:
        counts = uses.counts[path]
        tasks = [{"task": task, "adapter": self.adapters[task], **sides} for task, sides in sorted(counts.items())]
        more = f"; not for {'; '.join(f'{task}: {_times(*found)}' for task, found in sorted(left.items())[:2])}" if left else ""
        reason = ", ".join(f"{_sides(sides)} of {task}" for task, sides in sorted(counts.items())[:4]) + more
        return {"use": "labelled", "tasks": tasks, "via": uses.views[path], "reason": reason}


def _sides(counts: Mapping[str, int]) -> str:
    """`1 test example`, `12 training and 3 validation examples`."""
    met = [(_SIDE[side], count) for side, count in counts.items() if count]
    return f"{_listed([f'{count} {side}' for side, count in met])} example{'' if sum(count for _, count in met) == 1 else 's'}"


def _listed(items: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return f"{', '.join(items[:-1])} and {items[-1]}" if len(items) > 1 else "".join(items)


def _times(reason: str, count: int) -> str:
    return reason if count == 1 else f"{count} of its examples are left out, the first since: {reason}"


def _none(reason: str) -> dict[str, Any]:
    return {"use": "none", "tasks": [], "via": None, "reason": reason}
