"""A champion's weights in; what a new model can start from out: the tensors, and the rows of heads, that mean the same in both.

Only learned parameters are carried; statistics are fitted anew, and so are the optimizers'. What belongs to a task is found by
the task's name: it stands at the task's place in the blueprint (`heads.<place>.`), or carries the key of its name and classes.
Where the classes of a task have changed, its rows go by class name: a class that is new starts fresh, one that is gone is left.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unified_assets.core.errors import CorruptCheckpoint
from unified_assets.training.results import VALIDATED

PLACE = re.compile(r"^(heads)\.(\d+)\.")


@dataclass(frozen=True, kw_only=True)
class Move:
    """A task that both models know: its place, key and classes in the old one and in the new one."""

    places: tuple[int, int]
    keys: tuple[str, str]
    classes: tuple[tuple[str, ...], tuple[str, ...]]

    @property
    def is_same(self) -> bool:
        """Whether its rows mean the same in both."""
        return self.classes[0] == self.classes[1]

    @property
    def rows(self) -> tuple[list[int], list[int]]:
        """Rows of the old head, and where they go in the new one."""
        old = {name: place for place, name in enumerate(self.classes[0])}
        kept = [(old[name], place) for place, name in enumerate(self.classes[1]) if name in old]
        return [source for source, _ in kept], [target for _, target in kept]


def carry_over(learner: Any, folder: Path) -> list[str]:
    """Load into `learner` what fits of the model in `folder`. Returns the names of the parameters that were carried, whole or by rows.

    Raises CorruptCheckpoint, with the learner as it was, where the folder cannot be read back.
    """
    import torch

    built, old = _read(folder)
    moves = _moves(built, learner.blueprint)
    unlike = _unlike_groups(learner, old, moves)
    found = {name: _source(name, moves) for name, _ in learner.named_parameters()}
    parts = {move: [old[source] for source, owner in found.values() if owner == move and source in old] for move in moves}
    unclear = {move for move in moves if not move.is_same and _is_unclear(move, parts[move])}
    carried = []
    with torch.no_grad():
        for name, value in learner.named_parameters():
            old_name, move = found[name]
            source = old.get(old_name)
            if source is not None and _group(name) not in unlike and move not in unclear and _copy(value, source, move):
                carried.append(name)
    return carried


def _read(folder: Path) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """(blueprint, weights) of a final folder; those from before its refit, whose validation rows are to judge what starts from it."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        described: dict[str, Any] = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        before = folder / VALIDATED
        return dict(described["blueprint"]), load_file(str(before if before.is_file() else folder / "weights.safetensors"))
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise CorruptCheckpoint(path=folder, problem=f"{type(error).__name__}: {error}") from error


def _moves(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Move]:
    """The tasks that are in both blueprints under the same name."""
    from unified_assets.learners.media_modules_torch import head_key

    before = {_name(task): (place, _classes(task)) for place, task in enumerate(old.get("tasks", ()))}
    out = []
    for place, task in enumerate(new.get("tasks", ())):
        name, classes = _name(task), _classes(task)
        if name in before:
            old_place, old_classes = before[name]
            keys = head_key(name, old_classes), head_key(name, classes)
            out.append(Move(places=(old_place, place), keys=keys, classes=(old_classes, classes)))
    return out


def _name(task: Mapping[str, Any]) -> str:
    return str(task.get("task") or task.get("info", {}).get("task"))


def _classes(task: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(task.get("classes") or task.get("info", {}).get("classes") or ())


def _source(name: str, moves: Iterable[Move]) -> tuple[str, Move | None]:
    """The old name of a tensor, and the task whose head it is part of. An empty name: it belongs to a task that is new."""
    match = PLACE.match(name)
    if match is not None:
        move = next((move for move in moves if move.places[1] == int(match[2])), None)
        return ("", None) if move is None else (f"{match[1]}.{move.places[0]}.{name[match.end() :]}", move)
    parts = name.split(".")
    move = next((move for move in moves if move.keys[1] in parts), None)
    return (name, None) if move is None else (".".join(move.keys[0] if part == move.keys[1] else part for part in parts), move)


def _is_unclear(move: Move, sources: Sequence[Any]) -> bool:
    """As many classes as before, but others: which axis is the classes' cannot be told where an inner width is that number too."""
    count = len(move.classes[0])
    return count == len(move.classes[1]) and any(count in source.shape[1:] for source in sources)


def _copy(value: Any, source: Any, move: Move | None) -> bool:
    """Whether `source` was copied into `value`, whole or the rows of the classes that both have."""
    if move is None or move.is_same:
        return bool(source.shape == value.shape) and _whole(value, source)
    if source.dim() != value.dim():
        return False
    counts = len(move.classes[0]), len(move.classes[1])
    axes = [axis for axis, sizes in enumerate(zip(source.shape, value.shape, strict=True)) if sizes[0] != sizes[1]]
    if not axes and counts[0] != counts[1]:
        return _whole(value, source)  # an inner layer
    axis = 0 if not axes else axes[0]
    if len(axes) > 1 or not source.dim() or (source.shape[axis], value.shape[axis]) != counts:
        return not axes and _whole(value, source)
    there, here = move.rows
    if there:
        value.movedim(axis, 0)[here] = source.movedim(axis, 0)[there].to(value.device)
    return bool(there)


def _whole(value: Any, source: Any) -> bool:
    value.copy_(source)
    return True


def _group(name: str) -> str:
    match = PLACE.match(name)
    return match[0] if match is not None else ""


def _unlike_groups(learner: Any, old: Mapping[str, Any], moves: Sequence[Move]) -> set[str]:
    """Groups of tensors whose whole-number buffers (vocabularies, hashed places) differ: their rows mean other things."""
    import torch

    unlike = set()
    for name, value in learner.named_buffers():
        if torch.is_floating_point(value) or name.endswith("num_batches_tracked"):
            continue
        source = old.get(_source(name, moves)[0])
        if source is None or source.shape != value.shape or not torch.equal(source, value):
            unlike.add(_group(name))
    return unlike
