"""A champion's weights in; what a new model can start from out: the tensors that mean the same thing in both.

Only learned parameters are carried; statistics are fitted anew. Heads are found by the names of their tasks (a module that
stands at a task's place in the blueprint moves with that task) and carried only where the list of classes is the same.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unified_assets.core.errors import CorruptCheckpoint

PLACE = re.compile(r"^(heads)\.(\d+)\.")


def carry_over(learner: Any, folder: Path) -> list[str]:
    """Load into `learner` what fits of the model in `folder`. Returns the names of the parameters that were carried.

    Raises CorruptCheckpoint, with the learner as it was, where the folder cannot be read back.
    """
    import torch

    built, old = _read(folder)
    renamed = _places(built, learner.blueprint)
    unlike = _unlike_groups(learner, old, renamed)
    carried = []
    with torch.no_grad():
        for name, value in learner.named_parameters():
            source = old.get(_old_name(name, renamed) or "")
            if source is not None and source.shape == value.shape and _group(name) not in unlike:
                value.copy_(source)
                carried.append(name)
    return carried


def _read(folder: Path) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """(blueprint, weights) of a final folder."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        described: dict[str, Any] = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        return dict(described["blueprint"]), load_file(str(folder / "weights.safetensors"))
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise CorruptCheckpoint(path=folder, problem=f"{type(error).__name__}: {error}") from error


def _places(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[int, int | None]:
    """New place of a task -> its place in the old blueprint, where what builds it is the same in both."""
    before = {_name(task): (place, task) for place, task in enumerate(old.get("tasks", ()))}
    out: dict[int, int | None] = {}
    for place, task in enumerate(new.get("tasks", ())):
        found = before.get(_name(task))
        out[place] = found[0] if found is not None and _classes(found[1]) == _classes(task) else None
    return out


def _name(task: Mapping[str, Any]) -> str:
    return str(task.get("task") or task.get("info", {}).get("task"))


def _classes(task: Mapping[str, Any]) -> list[str]:
    return list(task.get("classes") or task.get("info", {}).get("classes") or ())


def _old_name(name: str, places: Mapping[int, int | None]) -> str | None:
    match = PLACE.match(name)
    if match is None:
        return name
    place = places.get(int(match[2]))
    return None if place is None else f"{match[1]}.{place}.{name[match.end() :]}"


def _group(name: str) -> str:
    match = PLACE.match(name)
    return match[0] if match is not None else ""


def _unlike_groups(learner: Any, old: Mapping[str, Any], places: Mapping[int, int | None]) -> set[str]:
    """Groups of tensors whose whole-number buffers (vocabularies, hashed places) differ: their rows mean other things."""
    import torch

    unlike = set()
    for name, value in learner.named_buffers():
        if torch.is_floating_point(value) or name.endswith("num_batches_tracked"):
            continue
        source = old.get(_old_name(name, places) or "")
        if source is None or source.shape != value.shape or not torch.equal(source, value):
            unlike.add(_group(name))
    return unlike
