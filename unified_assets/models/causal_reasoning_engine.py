"""Texts about causes and effects: the more plausible cause or effect, relations in sentences, yes/no questions, direction of columns."""

from collections.abc import Mapping, Sequence
from typing import Any

from unified_assets.core.contracts import Learner, ModelSpec, Needs, TaskData
from unified_assets.learners.baselines_text import score_baseline
from unified_assets.learners.text_plan import plan


def _blueprint(tasks: Sequence[TaskData], pairs: TaskData | None) -> Mapping[str, Any]:  # noqa: ARG001 - the contract's signature
    return plan(tasks)


def _build(blueprint: Mapping[str, Any]) -> Learner:
    from unified_assets.learners.text_learner_torch import TextLearner

    return TextLearner(blueprint)


MODEL = ModelSpec(
    name="causal_reasoning_engine",
    version="4",
    description="Chooses causes and effects, finds cause-effect relations in sentences, answers questions with probabilities, directs pairs of columns.",
    modalities=("text",),
    subjects=frozenset({"causal"}),
    kinds=frozenset({"classification", "choice", "pair"}),
    encoders={},
    needs=Needs(min_cores=1, max_cores=1, memory_gib=1.5, gpu_memory_gib=1.5),
    pretrained="text",
    blueprint=_blueprint,
    build=_build,
    baseline=score_baseline,
    words="gives",
)
