"""The trunk of a model that learns from pairs by itself in; one that a model with few labels goes on from out.

A model whose network brings what occurs together into one space has seen unlabelled files that its peers have not. After a round it
publishes the trunk of each kind of input, in `trunks.safetensors` of its slot, but only while its space finds partners among held-out
pairs beyond chance: wrong pairs give nothing. A peer with fewer labels than pairs takes that trunk over for the next round, unless it has a lesson
there, which tells it more of the same pairs. What it takes it leaves as it is: few labels would undo what the pairs taught. Its heads, and
all whose names or shapes do not agree, stay its own and learn.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unified_assets.core.contracts import ModelSpec, TaskData
from unified_assets.core.errors import CorruptCheckpoint
from unified_assets.training.orders import RoundOrder
from unified_assets.training.retrieval import aligned_kinds
from unified_assets.training.state import TrainingState, copied

FILE = "trunks.safetensors"


def gives(spec: ModelSpec) -> bool:
    """Whether a model learns from pairs by itself, and may publish its trunks."""
    return len(spec.pair_roles) > 1


def takes_from(spec: ModelSpec, peer: ModelSpec) -> bool:
    """Whether a model may go on from a peer's trunks: one that learns from pairs through its peers alone, from one that does so by itself."""
    return bool(spec.pair_roles) and not gives(spec) and gives(peer)


def trunks_to_give(order: RoundOrder, learner: Any) -> dict[str, Any]:
    """`<kind>/<name>` → tensor of every trunk that has proved itself; empty where the channel is off."""
    if "encoders" not in order.preset.exchange or not gives(order.spec) or not hasattr(learner, "trunks"):
        return {}
    kinds = aligned_kinds(learner, order.pairs)
    return copied({f"{kind}/{name}": value for kind, trunk in learner.trunks().items() if kind in kinds for name, value in trunk.state_dict().items()})


def write(folder: Path, tensors: Mapping[str, Any]) -> None:
    """Write trunks into a slot that is being made; no file where there are none."""
    from safetensors.torch import save_file

    if tensors:
        save_file(dict(tensors), str(folder / FILE))


def receive(order: RoundOrder, state: TrainingState, *, taught: bool) -> tuple[str, ...]:
    """Go on from peers' trunks where this model takes any; `taught`: it has a lesson in this round. Returns whose. Raises CorruptCheckpoint."""
    learner, state.kept = state.learner, ()
    if taught or "encoders" not in order.preset.exchange or gives(order.spec) or not hasattr(learner, "trunks"):
        return ()
    givers = []
    few = has_few_labels(order.tasks, order.pairs)
    for peer in sorted(order.peers):
        tensors = _read(order.peers[peer] / FILE)
        for kind, trunk in learner.trunks().items():
            theirs = {name.removeprefix(f"{kind}/"): value for name, value in tensors.items() if name.startswith(f"{kind}/")}
            if theirs and few:
                state.kept += _take(state, trunk, theirs)
                order.log(f"round {order.round_index}: goes on from the {kind} trunk of {peer}")
                givers.append(peer)
    return tuple(givers)


def has_few_labels(tasks: tuple[TaskData, ...], pairs: TaskData | None) -> bool:
    """Whether there are fewer labelled examples to learn from than pairs."""
    return pairs is not None and sum(len(data.rows("train")) for data in tasks) < len(pairs.rows("train"))


def _read(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        return {}
    try:
        return load_file(str(path))
    except (OSError, SafetensorError) as error:
        raise CorruptCheckpoint(path=path, problem=f"{type(error).__name__}: {error}") from error


def _take(state: TrainingState, trunk: Any, theirs: Mapping[str, Any]) -> tuple[Any, ...]:
    """Copy what agrees in name and shape: weights, their averages, running statistics. Optimisers forget what they knew of them.

    Returns the parameters among them.
    """
    import torch

    taken = []
    place_of = {id(value): place for place, value in enumerate(state.moving())}
    with torch.no_grad():
        for name, value in [*trunk.named_parameters(), *trunk.named_buffers()]:
            new = theirs.get(name)
            if new is None or new.shape != value.shape or not torch.is_floating_point(value):
                continue
            value.copy_(new)
            if state.average:
                place = place_of[id(value)]
                state.average[place].copy_(new)
                state.progress.updates[place] = 0
            for optimizer in state.optimizers:
                optimizer.state.pop(value, None)
            if value.requires_grad:
                taken.append(value)
    return tuple(taken)
