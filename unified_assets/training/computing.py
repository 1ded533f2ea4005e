"""Where a model's rounds compute: in this process. `remote` computes them on the nodes of a cluster; nothing above knows which it is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from unified_assets.core.contracts import BaselineScore, TaskData
from unified_assets.core.errors import CorruptCheckpoint
from unified_assets.training import checkpoints, loop
from unified_assets.training.carry import carry_over
from unified_assets.training.loop import Cache
from unified_assets.training.orders import RoundOrder, RoundReport
from unified_assets.training.results import write_final


@dataclass(frozen=True, kw_only=True)
class Closing:
    """What the final figures take besides the weights: digest of the dataset, references, and what `write_final` says of ablations."""

    folder: Path
    dataset: str
    baselines: Mapping[str, BaselineScore]
    ablation: Sequence[Mapping[str, Any]] = ()
    effect: Sequence[str] = ()


class Computing(Protocol):
    """The four things that compute in a model's training, each a function of files; called one after another, each under a lease."""

    def reference(self, order: RoundOrder, data: TaskData) -> BaselineScore:
        """The classical baseline of a task."""

    def prepare(self, order: RoundOrder, initial: Path | None) -> None:
        """Round 0, from the weights in `initial` where there are any that fit."""

    def train(self, order: RoundOrder) -> RoundReport:
        """One round, or the refit, from the checkpoint of the round before."""

    def finish(self, order: RoundOrder, closing: Closing) -> dict[str, Any]:
        """Test metrics of the best weights as of `order.round_index`; results.json of the folder it publishes."""

    def leave_device(self) -> None:
        """Make room on a GPU, where something of the round before was kept there."""


@dataclass(kw_only=True)
class Here:
    """In this process, which keeps the state of the round before."""

    cache: Cache = field(default_factory=Cache)

    def reference(self, order: RoundOrder, data: TaskData) -> BaselineScore:
        """The classical baseline of a task."""
        return order.spec.baseline(data)

    def prepare(self, order: RoundOrder, initial: Path | None) -> None:
        """Round 0."""
        loop.prepare(order, self.cache, weights=starting_from(initial, order))

    def train(self, order: RoundOrder) -> RoundReport:
        """One round, or the refit."""
        return loop.refit(order, self.cache) if order.refit else loop.train_round(order, self.cache)

    def finish(self, order: RoundOrder, closing: Closing) -> dict[str, Any]:
        """Final figures; the state is dropped."""
        state = loop.restore(order, self.cache, checkpoints.folder_of(order.checkpoints, order.round_index))
        results = write_final(
            order, state, closing.folder, dataset=closing.dataset, baselines=closing.baselines, ablation=closing.ablation, effect=closing.effect
        )
        self.cache.state = None
        return results

    def leave_device(self) -> None:
        """To memory."""
        if self.cache.state is not None:
            self.cache.state.to("cpu")


def starting_from(initial: Path | None, order: RoundOrder) -> Callable[[Any], None] | None:
    """What loads a champion's weights into a fresh learner; None where the preset starts from scratch or there is no champion."""
    if initial is None or order.preset.start_from == "scratch":
        return None

    def load(learner: Any) -> None:
        try:
            carried = carry_over(learner, initial)
        except CorruptCheckpoint as error:
            order.log(f"starts from scratch, as the champion cannot be read: {error}")
            return
        order.log(f"starts from {len(carried)} parameters of the champion in {initial}")

    return load
