"""Everything that an allocation depends on in; whether the one at hand is still right, and what it said, out."""

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from unified_assets.allocation.label_issues import LabelIssues
from unified_assets.core.contracts import Adapter, ModelSpec
from unified_assets.core.tables import SCHEMA_VERSION
from unified_assets.store.local import write_text

FILE = "manifest.json"
MOVED = frozenset({"mtime_ns", "inode"})  # may change while the content stays
PROGRAM = ("core", "adapters", "records", "allocation")  # packages whose code decides what is found in the same files


def inputs_of(files: pl.DataFrame, rules: Any, specs: Mapping[str, ModelSpec], adapters: Mapping[str, Adapter]) -> str:
    """A hash of the files with their verdicts, of what a person says, of the models and the adapters, and of the code that decides.

    files: as of `usable_files`. Sides and classes of the allocation before are left out: with the same files they stay as they are.
    """
    found = hashlib.sha256(f"{SCHEMA_VERSION}\n{rules!r}\n".encode())
    plain = sorted(name for name, kind in files.schema.items() if not kind.is_nested() and name not in MOVED)
    found.update(json.dumps(plain).encode())
    found.update(files.sort("path").select(plain).hash_rows(seed=7).to_numpy().tobytes())
    for name, spec in sorted(specs.items()):
        takes = sorted(spec.modalities), sorted(spec.subjects), sorted(spec.kinds), sorted(spec.encoders), sorted(spec.derived.items()), spec.pair_roles
        found.update(repr((name, spec.version, takes)).encode())
    sources = {path for package in PROGRAM for path in (Path(__file__).parents[1] / package).rglob("*.py")}
    for name, adapter in sorted(adapters.items()):
        module = sys.modules.get(adapter.propose.__module__)
        sources |= {Path(module.__file__)} if module is not None and module.__file__ else set()
        found.update(f"{name}\n".encode())
    for path in sorted(sources):
        found.update(path.read_bytes())
    return found.hexdigest()


def write(folder: Path, inputs: str, summary: Any) -> None:
    """Keep beside the tables what they were made from, and what was said of them."""
    told = {**asdict(summary), "labels": summary.labels._asdict()}
    write_text(folder / FILE, json.dumps({"inputs": inputs, "summary": told}) + "\n")


def read(folder: Path | None, inputs: str) -> dict[str, Any] | None:
    """The fields of the summary of an allocation from the same inputs; None where there is none."""
    path = None if folder is None else folder / FILE
    if path is None or not path.is_file():
        return None
    manifest = json.loads(path.read_text(encoding="utf-8"))
    if manifest.get("inputs") != inputs:
        return None
    told: dict[str, Any] = manifest["summary"]
    labels: dict[str, Any] = {name: value if isinstance(value, dict) else tuple(value) for name, value in told["labels"].items()}
    return {**told, "labels": LabelIssues(**labels), "tasks": tuple(told["tasks"]), "notes": tuple(told["notes"])}
