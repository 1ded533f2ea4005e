"""A blueprint of text tasks → the torch module that learns and answers all of them, one head a task."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn

from unified_assets.core.contracts import Prediction, TaskData
from unified_assets.learners.text_arithmetic_torch import ArithmeticHead
from unified_assets.learners.text_formula_torch import FormulaHead
from unified_assets.learners.text_heads_torch import NgramHead
from unified_assets.learners.text_plan import shared
from unified_assets.learners.text_trunk_torch import TextTrunk

HEADS: Mapping[str, type[nn.Module]] = {"arithmetic": ArithmeticHead, "formula": FormulaHead}


class TextLearner(nn.Module):
    """A `Learner` (see core.contracts) whose heads are found by the name of the task."""

    def __init__(self, blueprint: Mapping[str, Any]) -> None:
        super().__init__()
        self.blueprint: Mapping[str, Any] = dict(blueprint)
        self.places = {entry["info"]["task"]: place for place, entry in enumerate(blueprint["tasks"])}
        self.trunk = TextTrunk(
            int(blueprint["vocabulary"]), equations=any(entry["method"] == "word_problem" for entry in blueprint["tasks"]), tuned=blueprint.get("tuned")
        )
        self.heads = nn.ModuleList(HEADS.get(entry["method"], NgramHead)(entry) for entry in blueprint["tasks"])

    def head(self, data: TaskData) -> Any:
        """The head that answers this task."""
        heads: Any = self.heads  # a ModuleList types its members as bare modules
        return heads[self.places[data.info.task]]

    def fit_statistics(self, tasks: Sequence[TaskData], pairs: TaskData | None) -> None:  # noqa: ARG002 - the contract's signature
        """Fill every head's buffers from its train side."""
        self.trunk.fit_statistics(shared(tasks))
        for data in tasks:
            self.head(data).fit_statistics(data, self.trunk)

    def started(self) -> dict[str, Tensor]:
        """Weights that heads start from, by the head's place and the tensor's."""
        heads: Any = self.heads
        return {f"{place}.{number}": value for place, head in enumerate(heads) if hasattr(head, "started") for number, value in enumerate(head.started())}

    def refit_statistics(self, tasks: Sequence[TaskData], started: Mapping[str, Tensor]) -> None:
        """Let what was fitted to every head's train side see its validation side too."""
        for data in tasks:
            head, place = self.head(data), self.places[data.info.task]
            if hasattr(head, "refit_statistics"):
                head.refit_statistics(data, self.trunk, [started[f"{place}.{number}"] for number in range(len(head.started()))])

    def optimizers(self, learning_rate: float) -> list[Any]:
        """The optimizers of all heads."""
        heads: Any = self.heads
        return [*self.trunk.optimizers(learning_rate), *(optimizer for head in heads for optimizer in head.optimizers(learning_rate))]

    def loss(self, data: TaskData, rows: np.ndarray, soft_targets: Tensor | None = None) -> Tensor:
        """Scalar loss of these rows of a task."""
        result: Tensor = self.head(data).loss(data, rows, soft_targets, self.trunk)
        return result

    def pair_loss(self, pairs: TaskData, rows: np.ndarray) -> None:
        """Text models take no unlabelled pairs."""

    def predict(self, data: TaskData, rows: np.ndarray) -> Prediction:
        """Answers in evaluation mode; the mode is put back afterwards."""
        was_training = self.training
        self.eval()
        try:
            result: Prediction = self.head(data).predict(data, rows, self.trunk)
        finally:
            self.train(was_training)
        return result
